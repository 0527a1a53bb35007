//! What must not compile, and what the compiler then says.

#[test]
fn usual_mistakes_do_not_compile_and_the_message_names_the_correction() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
