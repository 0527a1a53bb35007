//! The operator's image: one static program, and a user without files.

/// The file name of the program in the build context.
pub(super) const PROGRAM: &str = "operator";

/// Only the program. The user is the one in install.yaml, and owns no file of the image.
pub(super) const DOCKERFILE: &str = "\
FROM scratch
COPY operator /operator
USER 65532:65532
ENTRYPOINT [\"/operator\"]
";
