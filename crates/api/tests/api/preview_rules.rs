//! The CEL rules of `PreviewEnvironment` without those of its image and its host: each accepts a
//! value and rejects another one, with a message that says what to write instead.

use serde_json::{Value, json};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use operator_api::duration;
use operator_api::preview::PreviewEnvironment;

use crate::rules::{PASSES, messages};

const VARIABLE: &str = "write a name like LOG_LEVEL: letters, digits, _, - and dots, starting with \
                        a letter or _";
const ONE_VALUE: &str = "write value or valueFrom, not both";
const ONE_SOURCE: &str =
    "write exactly one of secretKeyRef, configMapKeyRef, fieldRef and resourceFieldRef";
const ONE_SET: &str = "write exactly one of secretRef and configMapRef in each item of the list";
const NUL: &str = "remove the NUL character (\\u0000): no argument or variable can contain it";
const OBJECT_NAME: &str = "write the name as kubectl get shows it: a to z, 0 to 9, hyphens and \
                           dots, with a letter or digit at both ends";
const KEY: &str = "write a key: letters, digits, -, _ and dots";
const FIELD: &str = "write the path of a supported field, like metadata.name, \
                     metadata.labels['KEY'] or status.podIP";
const RESOURCE: &str =
    "write limits or requests, a dot and the resource, like limits.memory or requests.cpu";
const QUANTITY: &str = "write a quantity like 500m, 2, 128Mi or 1Gi: a number that is not \
                        negative, and a unit without a space";
const PREFIX: &str = "write a prefix like DB_: letters, digits, _, - and dots, starting with a \
                      letter or _";
const PATH: &str = "write a path from the root, like /healthz: no scheme, no host";
const ROOT: &str = "user 0 is root, which runAsNonRoot forbids: write another runAsUser such as \
                    1000, or leave runAsNonRoot out";
const CONTROL: &str = "write one line of text: no line breaks, tabs, control characters or \
                       characters that change the direction of text";
/// Each ends a line, controls a terminal, or changes the direction of the text around it.
const UNPRINTABLE: [&str; 9] = [
    "a\nb",
    "\u{1b}[31mred",
    "a\tb",
    "\0",
    "\u{7f}",
    "\u{9b}31mred",
    "a\u{202e}b",
    "a\u{2067}b",
    "a\u{2028}b",
];
const ADDRESS: &str =
    "write a whole address, like https://github.com/team/app/pull/17: http or https, no spaces";
const PARENTS: &str = "only an HTTPRoute has parentRefs: write type: HTTPRoute, or leave \
                       parentRefs out";
const CLASS: &str = "only an Ingress has a class: write type: Ingress, or leave ingressClassName \
                     out";
const CERTIFICATE: &str = "only an Ingress has a certificate of its own: write type: Ingress, or \
                           tls: {} if the gateway has a certificate";
const ONE_ISSUER: &str = "write issuer or clusterIssuer, not both";
const ISSUED: &str = "cert-manager would overwrite the Secret secretName: leave secretName out, or \
                      leave the issuer out if that Secret has a certificate";
const ROUTE_PATH: &str = "write a path from the root, of letters, digits, hyphens, underscores, \
                          dots and slashes, like /app: no query, no other characters, no //, no \
                          /./ and no /../";
const DURATION: &str = "write numbers with units and no spaces, like 72h, 1h30m or 45m: hours (h), \
                        minutes (m), seconds (s) or milliseconds (ms), whole numbers of up to \
                        five digits, up to four parts";
const ZERO: &str = "write a duration that is longer than zero, like 72h";
const TIME: &str = "write a time with seconds and an offset from UTC, like 2030-01-31T12:00:00Z or \
                    2030-01-31T13:00:00+01:00";

/// The messages of the rules for a preview with these fields, an image and a host.
fn with(fields: &Value) -> Vec<String> {
    let mut spec = json!({ "image": "app:1", "fqdn": "web.example.com" });
    let fields = fields.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(fields);
    messages::<PreviewEnvironment>("web", &spec)
}

fn env(variable: &Value) -> Vec<String> {
    with(&json!({ "env": [variable] }))
}

fn env_from(source: &Value) -> Vec<String> {
    with(&json!({ "envFrom": [source] }))
}

#[test]
fn an_image_and_a_host_are_enough() {
    assert_eq!(with(&json!({})), PASSES);
}

#[test]
fn a_variable_has_a_valid_name() {
    for name in ["LOG_LEVEL", "a", "_", "a.b-c", "A1"] {
        assert_eq!(env(&json!({ "name": name, "value": "x" })), PASSES, "{name}");
    }
    for name in ["", "1A", "A B", "A=B", "ä", ".a", "-a", "A\n"] {
        assert_eq!(env(&json!({ "name": name, "value": "x" })), [VARIABLE], "{name:?}");
    }
}

#[test]
fn a_variable_has_one_source_of_its_value() {
    assert_eq!(env(&json!({ "name": "A" })), PASSES, "empty, as in Kubernetes");
    assert_eq!(env(&json!({ "name": "A", "value": "" })), PASSES);
    let pod = json!({ "fieldRef": { "fieldPath": "metadata.name" } });
    assert_eq!(env(&json!({ "name": "A", "valueFrom": pod })), PASSES);
    assert_eq!(env(&json!({ "name": "A", "value": "x", "valueFrom": pod })), [ONE_VALUE]);
    assert_eq!(env(&json!({ "name": "A", "valueFrom": {} })), [ONE_SOURCE]);
    let key = json!({ "name": "a", "key": "b" });
    for source in ["secretKeyRef", "configMapKeyRef"] {
        assert_eq!(env(&json!({ "name": "A", "valueFrom": { source: key } })), PASSES);
    }
    assert_eq!(
        env(&json!({ "name": "A", "valueFrom": { "secretKeyRef": key, "configMapKeyRef": key } })),
        [ONE_SOURCE]
    );
}

#[test]
fn a_key_of_a_secret_or_config_map_has_a_valid_name() {
    for source in ["secretKeyRef", "configMapKeyRef"] {
        let of = |name: &str, key: &str| {
            env(&json!({ "name": "A", "valueFrom": { source: { "name": name, "key": key } } }))
        };
        assert_eq!(of("my.secret-1", "tls.key_A-1"), PASSES);
        for name in ["", "Upper", "a_b", "-a", "a/b"] {
            assert_eq!(of(name, "key"), [OBJECT_NAME], "{name:?}");
        }
        for key in ["", "a b", "a/b"] {
            assert_eq!(of("name", key), [KEY], "{key:?}");
        }
    }
}

#[test]
fn a_variable_can_have_only_supported_fields_and_resources() {
    let field = |path: &str| {
        env(&json!({ "name": "A", "valueFrom": { "fieldRef": { "fieldPath": path } } }))
    };
    for path in [
        "metadata.name",
        "metadata.labels['app.kubernetes.io/name']",
        "spec.nodeName",
        "status.podIPs",
    ] {
        assert_eq!(field(path), PASSES, "{path}");
    }
    for path in ["", "name", "metadata.labels", "spec.containers", "status.phase"] {
        assert_eq!(field(path), [FIELD], "{path}");
    }
    let resource =
        |of: &Value| env(&json!({ "name": "A", "valueFrom": { "resourceFieldRef": of } }));
    assert_eq!(resource(&json!({ "resource": "limits.memory", "divisor": "1Mi" })), PASSES);
    assert_eq!(resource(&json!({ "resource": "requests.ephemeral-storage" })), PASSES);
    assert_eq!(resource(&json!({ "resource": "memory" })), [RESOURCE]);
}

#[test]
fn an_item_of_env_from_is_one_secret_or_one_config_map() {
    let name = json!({ "name": "settings" });
    assert_eq!(env_from(&json!({ "configMapRef": name })), PASSES);
    assert_eq!(env_from(&json!({ "secretRef": name, "prefix": "DB_" })), PASSES);
    assert_eq!(env_from(&json!({ "secretRef": name, "prefix": "" })), PASSES);
    assert_eq!(env_from(&json!({})), [ONE_SET]);
    assert_eq!(env_from(&json!({ "secretRef": name, "configMapRef": name })), [ONE_SET]);
    assert_eq!(env_from(&json!({ "secretRef": { "name": "My Secret" } })), [OBJECT_NAME]);
    assert_eq!(env_from(&json!({ "secretRef": name, "prefix": "1" })), [PREFIX]);
}

#[test]
fn no_argument_or_variable_contains_nul() {
    assert_eq!(with(&json!({ "command": ["sh"], "args": ["-c", "", "echo $(A)\n"] })), PASSES);
    assert_eq!(with(&json!({ "command": ["a\0b"] })), [NUL]);
    assert_eq!(with(&json!({ "args": ["a", "a\0b"] })), [NUL]);
    assert_eq!(env(&json!({ "name": "A", "value": "a\0" })), [NUL]);
}

#[test]
fn a_pull_secret_has_a_valid_name() {
    assert_eq!(with(&json!({ "imagePullSecrets": [{ "name": "registry" }] })), PASSES);
    assert_eq!(with(&json!({ "imagePullSecrets": [{ "name": "Registry" }] })), [OBJECT_NAME]);
}

#[test]
fn the_path_of_a_probe_starts_at_the_root() {
    for probe in ["readiness", "liveness", "startup"] {
        assert_eq!(with(&json!({ "probes": { probe: {} } })), PASSES);
        assert_eq!(with(&json!({ "probes": { probe: { "path": "/" } } })), PASSES);
        for path in ["healthz", "http://localhost/healthz"] {
            assert_eq!(with(&json!({ "probes": { probe: { "path": path } } })), [PATH], "{path}");
        }
    }
}

#[test]
fn root_cannot_be_both_requested_and_forbidden() {
    let security = |user: i64, non_root: Option<bool>| {
        let mut security = json!({ "runAsUser": user });
        if let Some(non_root) = non_root {
            security["runAsNonRoot"] = non_root.into();
        }
        with(&json!({ "podSecurity": security }))
    };
    assert_eq!(security(0, Some(true)), [ROOT]);
    for (user, non_root) in [(0, None), (0, Some(false)), (1000, Some(true)), (1000, None)] {
        assert_eq!(security(user, non_root), PASSES);
    }
    assert_eq!(with(&json!({ "podSecurity": { "runAsNonRoot": true } })), PASSES);
}

#[test]
fn a_quantity_follows_the_same_rule_as_in_an_echo() {
    assert_eq!(with(&json!({ "resources": { "limits": { "memory": "64Mi" } } })), PASSES);
    assert_eq!(with(&json!({ "resources": { "limits": { "memory": "64 Mi" } } })), [QUANTITY]);
}

#[test]
fn texts_of_the_source_have_no_control_characters() {
    for field in ["provider", "repository", "branch", "commit", "author"] {
        for text in ["a", "Zoë O'Hara <zoe@example.com>", "feature/ünïcode"] {
            assert_eq!(with(&json!({ "source": { field: text } })), PASSES, "{field}: {text}");
        }
        for text in UNPRINTABLE {
            assert_eq!(with(&json!({ "source": { field: text } })), [CONTROL], "{field}: {text:?}");
        }
    }
}

#[test]
fn a_revision_is_one_line_of_printable_text() {
    for text in ["3f2a9c1", "release 1.2 (ünïcode)"] {
        assert_eq!(with(&json!({ "revision": text })), PASSES, "{text}");
    }
    for text in UNPRINTABLE {
        assert_eq!(with(&json!({ "revision": text })), [CONTROL], "{text:?}");
    }
}

#[test]
fn the_address_of_a_change_is_http_or_https() {
    let url = |url: &str| with(&json!({ "source": { "url": url } }));
    assert_eq!(url("https://github.com/team/app/pull/17"), PASSES);
    assert_eq!(url("http://git.example.com:8080/a?b=c#d"), PASSES);
    for bad in [
        "javascript:alert(1)",
        "github.com/team/app",
        "https://",
        "https://a b",
        "https://a\nb",
        "https://a/\u{9b}b",
        "https://a/\u{202e}b",
        "file:///etc/passwd",
    ] {
        assert_eq!(url(bad), [ADDRESS], "{bad:?}");
    }
}

/// The messages for a route with these fields, without a type and with each type: HTTPRoute,
/// Ingress, Mapping, None.
fn by_type(fields: &Value) -> [Vec<String>; 5] {
    [None, Some("HTTPRoute"), Some("Ingress"), Some("Mapping"), Some("None")].map(|type_| {
        let mut route = fields.clone();
        if let Some(type_) = type_ {
            route["type"] = type_.into();
        }
        with(&json!({ "route": route }))
    })
}

/// No messages for the type at this index and for None; this message for all others.
fn only_with(place: usize, message: &str) -> [Vec<String>; 5] {
    let refused = || vec![message.to_owned()];
    let mut answers = [refused(), refused(), refused(), refused(), Vec::new()];
    answers[place] = Vec::new();
    answers
}

#[test]
fn a_field_of_one_route_type_needs_that_type() {
    assert_eq!(by_type(&json!({ "parentRefs": [{ "name": "public" }] })), only_with(1, PARENTS));
    assert_eq!(by_type(&json!({ "ingressClassName": "nginx" })), only_with(2, CLASS));
    for field in ["secretName", "issuer", "clusterIssuer"] {
        assert_eq!(
            by_type(&json!({ "tls": { field: "a" } })),
            only_with(2, CERTIFICATE),
            "{field}"
        );
    }
}

#[test]
fn a_field_of_all_route_types_needs_no_type() {
    let passes: [Vec<String>; 5] = Default::default();
    for fields in [
        json!({}),
        json!({ "tls": {} }),
        json!({ "path": "/app" }),
        json!({ "whenSuspended": "Remove" }),
    ] {
        assert_eq!(by_type(&fields), passes, "{fields}");
    }
}

#[test]
fn a_certificate_has_one_issuer_or_a_secret() {
    let tls = |tls: &Value| with(&json!({ "route": { "type": "Ingress", "tls": tls } }));
    assert_eq!(tls(&json!({ "issuer": "a" })), PASSES);
    assert_eq!(tls(&json!({ "clusterIssuer": "a" })), PASSES);
    assert_eq!(tls(&json!({ "secretName": "a" })), PASSES);
    assert_eq!(
        tls(&json!({ "issuer": "a", "secretName": "b" })),
        [ISSUED],
        "cert-manager would overwrite it"
    );
    assert_eq!(tls(&json!({ "clusterIssuer": "a", "secretName": "b" })), [ISSUED]);
    assert_eq!(tls(&json!({ "issuer": "a", "clusterIssuer": "b" })), [ONE_ISSUER]);
    assert_eq!(tls(&json!({ "secretName": "A" })), [OBJECT_NAME]);
}

#[test]
fn references_of_a_route_have_valid_names() {
    for reference in [
        json!({ "name": "A" }),
        json!({ "name": "a", "namespace": "a_b" }),
        json!({ "name": "a", "sectionName": "-" }),
    ] {
        assert_eq!(
            with(&json!({ "route": { "type": "HTTPRoute", "parentRefs": [reference] } })),
            [OBJECT_NAME],
            "{reference}"
        );
    }
    let whole = json!({ "name": "public", "namespace": "gateways", "sectionName": "https" });
    assert_eq!(with(&json!({ "route": { "type": "HTTPRoute", "parentRefs": [whole] } })), PASSES);
    assert_eq!(
        with(&json!({ "route": { "type": "Ingress", "ingressClassName": "My Class" } })),
        [OBJECT_NAME]
    );
}

#[test]
fn a_path_has_only_characters_that_every_route_type_accepts() {
    for path in ["/", "/app", "/app/", "/a/b.c", "/a-b_c", "/.well-known", "/..a"] {
        assert_eq!(with(&json!({ "route": { "path": path } })), PASSES, "{path}");
    }
    for path in [
        "app",
        "//",
        "/a//b",
        "/./a",
        "/a/../b",
        "/a/..",
        "/a/.",
        "/a b",
        "/a?b",
        "/a#b",
        "/%2f",
        "/%20",
        "/%",
        "/~a",
        "/a;b",
        "/a'b",
        "/a\"b",
        "/a`b",
        "/a\\b",
        "/$a",
        "/a(b)",
        "/a*",
        "/a+b",
        "/a|b",
        "/{a}",
        "/a=b&c,d!e:f@g",
        "/ä",
        "/a\n",
        "https://a",
    ] {
        assert_eq!(with(&json!({ "route": { "path": path } })), [ROUTE_PATH], "{path:?}");
    }
}

fn ttl(text: &str) -> Vec<String> {
    with(&json!({ "ttl": text }))
}

#[test]
fn a_ttl_is_a_duration_that_is_longer_than_zero() {
    for text in
        ["72h", "1h30m", "45m", "10s", "500ms", "30m1h", "0h1m", "99999h99999m99999s99999ms"]
    {
        assert_eq!(ttl(text), PASSES, "{text}");
    }
    for text in [
        "3d",
        "1w",
        "90",
        "1.5h",
        "-1h",
        "+1h",
        "1h 30m",
        " 1h",
        "1h\n",
        "soon",
        "100000s",
        "1h1h1h1h1h",
        "1H",
        "P3D",
        "never",
    ] {
        assert_eq!(ttl(text), [DURATION], "{text:?}");
    }
    for text in ["0s", "0h", "00000h0ms"] {
        assert_eq!(ttl(text), [ZERO], "{text:?}");
    }
}

#[test]
fn the_schema_and_the_parser_reject_the_same_durations() {
    for text in [
        "72h",
        "1h30m",
        "0s",
        "0h1ms",
        "3d",
        "90",
        "1.5h",
        "-1h",
        "1h 30m",
        "100000s",
        "1h1h1h1h",
        "1h1h1h1h1h",
        "1hm",
        "ms",
    ] {
        assert_eq!(ttl(text).is_empty(), duration::parse(text).is_ok(), "{text:?}");
    }
}

#[test]
fn an_end_is_a_time_with_an_offset() {
    let expires_at = |text: &str| with(&json!({ "expiresAt": text }));
    for text in [
        "2030-01-31T12:00:00Z",
        "2030-01-31T13:00:00+01:00",
        "2030-01-31T12:00:00.123456789Z",
        "9998-12-31T23:59:59Z",
        "2028-02-29T00:00:00-23:59",
        "1999-12-31T23:59:59Z",
    ] {
        assert_eq!(expires_at(text), PASSES, "{text}");
        assert!(
            serde_json::from_value::<Time>(json!(text)).is_ok(),
            "{text}: an accepted text can be read"
        );
    }
    for text in [
        "2030-01-31",
        "2030-01-31T12:00Z",
        "2030-01-31T12:00:00",
        "2030-01-31 12:00:00Z",
        "2030-01-31t12:00:00z",
        "2030-01-31T12:00:00.1234567890Z",
        "2030-01-31T12:00:00+24:00",
        "2030-01-31T24:00:00Z",
        "2030-01-31T12:00:60Z",
        "2030-13-01T12:00:00Z",
        "2030-01-00T12:00:00Z",
        "31.1.2030",
        "1893499200",
        "tomorrow",
        "72h",
        "2030-01-31T12:00:00Z\n",
    ] {
        assert_eq!(expires_at(text), [TIME], "{text:?}");
    }
    for text in ["2030-02-30T12:00:00Z", "2029-02-29T12:00:00Z", "2030-11-31T12:00:00Z"] {
        assert_eq!(expires_at(text).len(), 1, "{text}");
    }
}
