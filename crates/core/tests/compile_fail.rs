//! What must not compile, and what the compiler then says.

#[test]
fn an_undeclared_kind_does_not_compile_and_the_message_says_what_to_add() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
