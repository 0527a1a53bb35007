//! What the name of an image says about its content, and which texts are no name of an image.

/// The shortest part of a commit hash that identifies the commit.
const SHORTEST_HASH: usize = 7;

/// Whether the image is the same for each start of this revision: it has a digest, or a tag that
/// names the revision, such as `pr-17-3f2a9c1` for 3f2a9c1. Other tags may move.
pub(super) fn names_revision(image: &str, revision: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    let is_long = revision.len() >= SHORTEST_HASH;
    let names = |tag: &str| tag == revision || is_long && tag.contains(revision);
    image.contains('@') || name.split_once(':').is_some_and(|(_, tag)| names(tag))
}

/// Whether a text has a part that no name of an image has. The schema checks more. This check is
/// for resources that a weaker schema accepted: a policy compares the beginning of the name, which
/// means nothing if a later part such as `..` leads elsewhere.
#[must_use]
pub fn is_no_image(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-:@/+[]".contains(c);
    let no_part = |part: &str| part.is_empty() || part.starts_with('.') || part.contains("..");
    !text.chars().all(is_part) || text.split('/').any(no_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_or_a_tag_with_the_revision_names_the_content() {
        let digest = format!("example.com/app@sha256:{}", "0".repeat(64));
        for (image, revision) in [
            ("registry:5000/app:3f2a9c1", "3f2a9c1"),
            ("app:pr-17-3f2a9c1", "3f2a9c1"),
            ("app:1", "1"),
            (&*digest, "3f2a9c1"),
        ] {
            assert!(names_revision(image, revision), "{image} {revision}");
        }
        for (image, revision) in [
            ("app:pr-17", "3f2a9c1"),
            ("app:pr-1", "1"),
            ("app", "3f2a9c1"),
            ("registry:3f2a9c1/app", "3f2a9c1"),
            ("3f2a9c1/app:pr-17", "3f2a9c1"),
        ] {
            assert!(!names_revision(image, revision), "{image} {revision}");
        }
    }

    #[test]
    fn a_text_that_leads_elsewhere_is_no_image() {
        for text in ["x/../y", "x/./y", "x//y", "/x", "x/", "", "x y", "x\ny", "x?y", "x/y/..:1"] {
            assert!(is_no_image(text), "{text:?}");
        }
        let digest = format!("example.com/app:1.2@sha256:{}", "0".repeat(64));
        for image in ["app", "registry:5000/team/app__1:1.2-a_b", "[::1]:5000/app", &digest] {
            assert!(!is_no_image(image), "{image}");
        }
    }
}
