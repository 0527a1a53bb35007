//! Reads metrics in the Prometheus text format, of an operator or of an API server.

/// The values of counters and gauges at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Samples {
    /// Reads the samples whose name starts with one of `names`. An API server has tens of thousands
    /// of others.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Self {
        let wanted = |line: &&str| names.iter().any(|name| line.starts_with(name));
        Self(text.lines().filter(wanted).filter_map(sample).collect())
    }

    /// The sum of all samples with this name and these labels; `None` without such a sample.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(key, value)| sample.label(key) == Some(value))
        };
        let found: Vec<f64> = self.0.iter().filter(fits).map(|sample| sample.value).collect();
        (!found.is_empty()).then(|| found.iter().fold(0.0, |sum, value| sum + value))
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
        self.labels.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// `name{key="value",...} number`
fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest.trim_start()),
    };
    let value = value.trim_start().split(' ').next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// `key="value",...} rest`, where a value may contain escaped quotes.
fn labels(mut text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (key, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (_, '\\') => value.push(characters.next()?.1),
                (end, '"') => break end,
                (_, other) => value.push(other),
            }
        };
        labels.push((key.to_owned(), value));
        text = &rest[end + 1..];
        text = text.strip_prefix(',').unwrap_or(text);
    }
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
c{text="a \"b\", {c}",n="1"} 2.5e1 1700
"#;

    #[test]
    fn samples_are_summed_by_name_and_labels() {
        let samples = Samples::parse(TEXT, &["a_total", "b"]);
        assert_eq!(samples.sum("a_total", &[("verb", "get")]), Some(4.0));
        assert_eq!(samples.sum("a_total", &[("code", "200")]), Some(12.0));
        assert_eq!(samples.sum("b", &[]), Some(7.0));
    }

    #[test]
    fn a_missing_sample_is_not_zero() {
        let samples = Samples::parse(TEXT, &["a_total"]);
        assert_eq!(samples.sum("b", &[]), None, "its name was not requested");
        assert_eq!(samples.sum("a_total", &[("verb", "list")]), None);
    }

    #[test]
    fn a_label_value_may_contain_any_character() {
        let samples = Samples::parse(TEXT, &["c"]);
        let rows: Vec<_> = samples.rows("c", ["text", "n"]).collect();
        assert_eq!(rows, [(["a \"b\", {c}", "1"], 25.0)]);
    }
}
