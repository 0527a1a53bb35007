//! Reads metrics in the Prometheus text format, of an operator or of an API server.

/// The values of counters and gauges at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    /// `key="value",...`
    labels: String,
    value: f64,
}

impl Samples {
    /// Reads the samples whose name starts with one of `names`. An API server has tens of thousands
    /// of others.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Self {
        let wanted = |line: &&str| names.iter().any(|name| line.starts_with(name));
        Self(text.lines().filter(wanted).filter_map(sample).collect())
    }

    /// The sum of all samples with this name; `None` without such a sample.
    pub(crate) fn sum(&self, name: &str) -> Option<f64> {
        let found = self.0.iter().filter(|sample| sample.name == name);
        found.map(|sample| sample.value).reduce(|sum, value| sum + value)
    }

    /// The samples of this name: the values of `labels`, and the value of the sample.
    pub(crate) fn rows<'a, const N: usize>(
        &'a self,
        name: &'a str,
        labels: [&'a str; N],
    ) -> impl Iterator<Item = ([&'a str; N], f64)> {
        let of_name = self.0.iter().filter(move |sample| sample.name == name);
        of_name.map(move |sample| {
            (labels.map(|label| sample.label(label).unwrap_or_default()), sample.value)
        })
    }
}

impl Sample {
    fn label(&self, key: &str) -> Option<&str> {
        let mut parts = self.labels.split('"');
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            if name.trim_start_matches(',').strip_suffix('=') == Some(key) {
                return Some(value);
            }
        }
        None
    }
}

/// `name{key="value",...} number`. No value of the labels that are read contains a quote or a
/// brace.
fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once('}')?,
        None => ("", rest),
    };
    let value = value.trim_start().split(' ').next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels: labels.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# TYPE a_total counter
a_total{verb="get",code="200"} 3
a_total{verb="get",code="404"} 1
b 7
a_total{verb="put",code="200"} 9 # {} 1
a_total_other 5
c{text="a, b=c",n="1"} 2.5e1 1700
"#;

    #[test]
    fn samples_are_summed_by_name() {
        let samples = Samples::parse(TEXT, &["a_total", "b"]);
        assert_eq!(samples.sum("a_total"), Some(13.0));
        assert_eq!(samples.sum("b"), Some(7.0));
    }

    #[test]
    fn a_missing_sample_is_not_zero() {
        let samples = Samples::parse(TEXT, &["a_total"]);
        assert_eq!(samples.sum("b"), None, "its name was not requested");
    }

    #[test]
    fn labels_are_found_by_name() {
        let samples = Samples::parse(TEXT, &["c"]);
        let rows: Vec<_> = samples.rows("c", ["text", "n", "other"]).collect();
        assert_eq!(rows, [(["a, b=c", "1", ""], 25.0)]);
    }
}
