//! What the operator's image is made of: one static program and a user that is nobody's.

/// The program's name in the folder that the image is built from.
pub(super) const PROGRAM: &str = "operator";

/// Nothing but the program. The user is the one that install.yaml names; nothing in the image
/// belongs to it.
pub(super) const DOCKERFILE: &str = "\
FROM scratch
COPY operator /operator
USER 65532:65532
ENTRYPOINT [\"/operator\"]
";
