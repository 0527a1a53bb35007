//! Names, columns, bounds, defaults and sizes of the CRDs.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::cel::apply_defaults;
use operator_api::echo::{Echo, EchoSpec, ServiceType};
use operator_api::echo_test;
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentSpec, PreviewPolicy};
use serde_json::{Value, json};

use crate::{crds, property, schema_of};

/// The maximum size of the annotation in which client-side `kubectl apply` keeps a copy of the CRD.
const ANNOTATION_LIMIT: usize = 262_144;

fn title(crd: &CustomResourceDefinition) -> &str {
    crd.metadata.name.as_deref().unwrap()
}

/// Calls `check` with every schema inside `schema`, and its path.
fn walk(schema: &Value, path: &str, check: &mut dyn FnMut(&str, &Value)) {
    check(path, schema);
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        walk(inner, &format!("{path}.{name}"), check);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            walk(&schema[inner], &format!("{path}[]"), check);
        }
    }
}

fn schemas() -> [(&'static str, Value); 4] {
    [
        ("echo", schema_of::<Echo>()),
        ("echo_test", schema_of::<echo_test::Echo>()),
        ("preview", schema_of::<PreviewEnvironment>()),
        ("policy", schema_of::<PreviewPolicy>()),
    ]
}

/// The schemas of resources with a status.
fn with_status() -> Vec<(&'static str, Value)> {
    let all =
        schemas().into_iter().filter(|(_, schema)| schema["properties"].get("status").is_some());
    let all: Vec<_> = all.collect();
    assert_eq!(all.len(), 4);
    all
}

#[test]
fn the_names_and_short_names_do_not_change() {
    let names = crds().map(|crd| {
        let names = crd.spec.names;
        (
            crd.metadata.name.unwrap(),
            names.singular.unwrap(),
            names.short_names.unwrap(),
            names.categories.unwrap(),
        )
    });
    let strings = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        names,
        [
            ("echoes.example.com".into(), "echo".into(), strings(&["echo"]), strings(&["all"])),
            ("echoes.test.com".into(), "echo".into(), strings(&["echo"]), strings(&["all"])),
            (
                "previewenvironments.platform9.com".into(),
                "previewenvironment".into(),
                strings(&["pe", "previewenv", "preview"]),
                strings(&["all"])
            ),
        ]
    );
}

#[test]
fn the_columns_show_readiness_and_the_wide_ones_its_cause() {
    let [echo, echo_of_test, preview] = crds().map(|crd| {
        let columns = crd.spec.versions[0].additional_printer_columns.clone().unwrap();
        columns
            .into_iter()
            .map(|column| (column.name, column.json_path, column.priority))
            .collect::<Vec<_>>()
    });
    let column = |name: &str, path: &str, priority| (name.to_owned(), path.to_owned(), priority);
    let ready = column("Ready", r#".status.conditions[?(@.type=="Ready")].status"#, None);
    let age = column("Age", ".metadata.creationTimestamp", None);
    let message = column("Message", r#".status.conditions[?(@.type=="Ready")].message"#, Some(1));
    let replicas = column("Replicas", ".status.ready", None);
    let text = column("Text", ".spec.text", None);
    assert_eq!(echo, [ready.clone(), replicas, text, age.clone(), message.clone()]);
    assert_eq!(echo_of_test, echo);
    let (url, number) =
        (column("URL", ".status.url", None), column("PR", ".spec.source.pullRequest", None));
    // A column of type date shows an age, and a time in the future has none.
    let expires = column("Expires", ".status.expiresAt", None);
    assert_eq!(preview, [ready, url, expires, number, age, message]);
    let columns = crds()[2].spec.versions[0].additional_printer_columns.clone().unwrap();
    assert_eq!(columns[2].type_, "string");
}

#[test]
fn every_resource_has_the_subresources_scale_and_status() {
    let [echo, echo_of_test, preview] =
        crds().map(|crd| crd.spec.versions[0].subresources.clone().unwrap());
    for subresources in [&echo, &echo_of_test, &preview] {
        let scale = subresources.scale.as_ref().unwrap();
        assert_eq!(scale.spec_replicas_path, ".spec.replicas");
        assert_eq!(scale.status_replicas_path, ".status.replicas");
        assert_eq!(scale.label_selector_path.as_deref(), Some(".status.selector"));
    }
    assert!([echo, echo_of_test, preview].iter().all(|subresources| subresources.status.is_some()));
}

#[test]
fn the_defaults_of_the_schema_are_those_of_the_methods() {
    let schema = schema_of::<Echo>();
    // Twice: the API server also sets defaults inside of defaults, and this function does not.
    let filled = apply_defaults(&schema, &apply_defaults(&schema, &json!({ "spec": {} })));
    assert_eq!(
        filled["spec"],
        json!({ "replicas": 1, "service": { "type": "ClusterIP", "port": 80 } })
    );

    let (empty, filled) =
        (EchoSpec::default(), serde_json::from_value::<EchoSpec>(filled["spec"].clone()).unwrap());
    assert_eq!(filled.replicas, Some(empty.replicas()));
    assert_eq!(filled.service.port, Some(empty.service.port()));
    assert_eq!(filled.service.type_, Some(empty.service.service_type()));
    assert_eq!(empty.service.service_type(), ServiceType::ClusterIp);
}

#[test]
fn the_bounds_are_those_of_the_descriptions() {
    let (echo, of_test, preview) =
        (schema_of::<Echo>(), schema_of::<echo_test::Echo>(), schema_of::<PreviewEnvironment>());
    for schema in [&echo, &of_test] {
        let replicas = property(schema, "spec.replicas");
        assert_eq!((&replicas["minimum"], &replicas["maximum"]), (&json!(0.0), &json!(100.0)));
        let text = property(schema, "spec.text");
        assert_eq!((&text["minLength"], &text["maxLength"]), (&json!(1), &json!(4096)));
    }
    for port in ["spec.service.port", "spec.service.nodePort"] {
        let port = property(&echo, port);
        assert_eq!((&port["minimum"], &port["maximum"]), (&json!(1.0), &json!(65535.0)));
    }
    assert_eq!(
        property(&echo, "spec.service.type")["enum"],
        json!(["ClusterIP", "NodePort", "LoadBalancer"])
    );
    assert_eq!(property(&preview, "spec.fqdn")["maxLength"], json!(253));
    for schema in [&echo, &preview] {
        let image = property(schema, "spec.image");
        assert_eq!((&image["minLength"], &image["maxLength"]), (&json!(1), &json!(512)));
    }
}

#[test]
fn the_bounds_of_a_preview_are_those_of_the_descriptions() {
    let schema = schema_of::<PreviewEnvironment>();
    let numbers = [
        ("port", 1, 65_535),
        ("replicas", 0, 5),
        ("podSecurity.runAsUser", 0, 2_147_483_647),
        ("podSecurity.runAsGroup", 0, 2_147_483_647),
        ("podSecurity.fsGroup", 0, 2_147_483_647),
        ("probes.readiness.port", 1, 65_535),
        ("probes.liveness.initialDelaySeconds", 0, 3600),
        ("probes.startup.periodSeconds", 1, 300),
        ("probes.readiness.timeoutSeconds", 1, 300),
        ("probes.startup.failureThreshold", 1, 600),
    ];
    for (path, lowest, highest) in numbers {
        let number = property(&schema, &format!("spec.{path}"));
        let bounds = (number["minimum"].as_f64(), number["maximum"].as_f64());
        assert_eq!(bounds, (Some(f64::from(lowest)), Some(f64::from(highest))), "{path}");
        let description = number["description"].as_str().unwrap();
        assert!(description.contains(&format!("{lowest} to {highest}")), "{path}: {description}");
    }
    assert_eq!(property(&schema, "spec.source.pullRequest")["minimum"], json!(1.0));
}

#[test]
fn the_lengths_of_a_preview_are_those_of_the_descriptions() {
    let schema = schema_of::<PreviewEnvironment>();
    let texts = [
        ("source.provider", 63),
        ("source.repository", 255),
        ("source.branch", 255),
        ("source.commit", 64),
        ("source.url", 2048),
        ("source.author", 255),
        ("ttl", 28),
        ("expiresAt", 35),
    ];
    for (path, longest) in texts {
        let text = property(&schema, &format!("spec.{path}"));
        assert_eq!(
            (&text["minLength"], &text["maxLength"]),
            (&json!(1), &json!(longest)),
            "{path}"
        );
        assert!(
            text["description"].as_str().unwrap().contains(&format!("up to {longest} characters")),
            "{path}"
        );
    }
    let lists =
        [("command", 64), ("args", 64), ("env", 128), ("envFrom", 16), ("imagePullSecrets", 8)];
    for (path, longest) in lists {
        assert_eq!(
            property(&schema, &format!("spec.{path}"))["maxItems"],
            json!(longest),
            "{path}"
        );
    }
    for path in ["env", "imagePullSecrets"] {
        let list = property(&schema, &format!("spec.{path}"));
        assert_eq!(list["x-kubernetes-list-type"], json!("map"), "{path}: each name once");
        assert_eq!(list["x-kubernetes-list-map-keys"], json!(["name"]), "{path}");
    }
    assert_eq!(property(&schema, "status.expiresAt")["format"], json!("date-time"));
    assert_eq!(property(&schema, "spec.revision")["maxLength"], json!(256));
    let types = property(&schema, "spec.route.type");
    assert_eq!(types["enum"], json!(["HTTPRoute", "Ingress", "Mapping", "None"]));
    assert_eq!(types.get("default"), None, "the administrator chooses");
    assert_eq!(property(&schema, "spec.route.parentRefs")["maxItems"], json!(4));
    assert_eq!(property(&schema, "spec.route.path")["maxLength"], json!(1024));
    let when_suspended = property(&schema, "spec.route.whenSuspended");
    assert_eq!(
        (&when_suspended["enum"], &when_suspended["default"]),
        (&json!(["Keep", "Remove"]), &json!("Keep"))
    );
    assert_eq!(
        property(&schema, "spec.pullPolicy")["enum"],
        json!(["Always", "IfNotPresent", "Never"])
    );
}

#[test]
fn the_defaults_of_a_preview_are_those_of_the_methods() {
    let spec = json!({ "image": "a", "fqdn": "a.example.com" });
    let filled =
        apply_defaults(&schema_of::<PreviewEnvironment>(), &json!({ "spec": spec }))["spec"]
            .clone();
    let expected = json!({
        "image": "a", "fqdn": "a.example.com", "port": 8080, "replicas": 1,
        "suspend": false, "pinned": false,
    });
    assert_eq!(filled, expected);
    let (before, after): (PreviewEnvironmentSpec, PreviewEnvironmentSpec) =
        (serde_json::from_value(spec).unwrap(), serde_json::from_value(filled).unwrap());
    assert_eq!(after.port, Some(before.port()));
    assert_eq!(after.replicas, Some(before.replicas()));
    assert_eq!(after.pull_policy, None, "it depends on the revision");
    assert_eq!(after.suspend, Some(before.is_suspended()));
    assert_eq!(after.pinned, Some(before.is_pinned()));
}

#[test]
fn only_fields_without_a_sensible_default_are_required() {
    assert_eq!(property(&schema_of::<Echo>(), "spec").get("required"), None);
    assert_eq!(
        property(&schema_of::<echo_test::Echo>(), "spec")["required"],
        json!(["replicas", "text"])
    );
    assert_eq!(
        property(&schema_of::<PreviewEnvironment>(), "spec")["required"],
        json!(["fqdn", "image"])
    );
    for (name, schema) in schemas() {
        assert_eq!(schema["required"], json!(["spec"]), "{name}");
    }
    for (name, schema) in with_status() {
        assert_eq!(property(&schema, "status").get("required"), None, "{name}");
    }
}

#[test]
fn conditions_are_a_map_by_type_with_the_bounds_of_the_convention() {
    for (name, schema) in with_status() {
        let conditions = property(&schema, "status.conditions");
        assert_eq!(conditions["x-kubernetes-list-type"], json!("map"), "{name}");
        assert_eq!(conditions["x-kubernetes-list-map-keys"], json!(["type"]), "{name}");
        let condition = &conditions["items"];
        assert_eq!(property(condition, "type")["maxLength"], json!(316), "{name}");
        assert_eq!(property(condition, "reason")["maxLength"], json!(1024), "{name}");
        assert_eq!(property(condition, "message")["maxLength"], json!(32768), "{name}");
        assert_eq!(
            property(condition, "status")["enum"],
            json!(["True", "False", "Unknown"]),
            "{name}"
        );
        assert_eq!(
            condition["required"],
            json!(["lastTransitionTime", "message", "reason", "status", "type"]),
            "{name}"
        );
    }
}

#[test]
fn resources_of_a_container_have_no_claims() {
    let schema = schema_of::<Echo>();
    let resources = property(&schema, "spec.resources");
    let names: Vec<_> = resources["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["limits", "requests"]);
    assert_eq!(
        property(resources, "limits")["additionalProperties"]["x-kubernetes-int-or-string"],
        json!(true)
    );
}

#[test]
fn every_field_has_a_description_with_one_line_for_each_paragraph() {
    for (name, schema) in schemas() {
        walk(&schema, name, &mut |path, inner| {
            // The list or map describes its items.
            if path.ends_with("[]") {
                return;
            }
            let description = inner["description"].as_str().unwrap_or_default();
            assert!(description.len() > 15, "{path} is not described: {description:?}");
            assert!(!description.replace("\n\n", " ").contains('\n'), "{path}: {description:?}");
        });
    }
}

#[test]
fn the_description_of_every_field_of_a_spec_has_an_example_or_a_default() {
    for (name, schema) in schemas() {
        for (field, inner) in property(&schema, "spec")["properties"].as_object().unwrap() {
            let description = inner["description"].as_str().unwrap();
            assert!(
                description.contains("Example: ") || field == "service",
                "{name}.{field}: {description}"
            );
        }
        walk(property(&schema, "spec"), name, &mut |path, inner| {
            let leaf = inner["type"].as_str().is_some_and(|type_| type_ != "object")
                && !path.ends_with("[]");
            let description = inner["description"].as_str().unwrap_or_default();
            let has_value = ["Example: ", "by default", "(the default)"]
                .iter()
                .any(|part| description.contains(part));
            assert!(
                has_value || !leaf || path.starts_with("echo.service"),
                "{path}: {description}"
            );
        });
    }
}

#[test]
fn every_string_and_list_and_map_has_a_bound() {
    for (name, schema) in schemas() {
        walk(&schema, name, &mut |path, inner| {
            let bounded = match inner["type"].as_str() {
                Some("string") => {
                    ["maxLength", "enum", "format"].iter().any(|key| inner.get(key).is_some())
                }
                Some("array") => inner.get("maxItems").is_some(),
                Some("object") if inner.get("additionalProperties").is_some() => {
                    inner.get("maxProperties").is_some()
                }
                _ => true,
            };
            assert!(bounded, "{path}: {inner}");
        });
    }
}

#[test]
fn a_field_of_a_spec_may_be_left_out_but_not_null() {
    for (name, schema) in schemas() {
        walk(property(&schema, "spec"), name, &mut |path, inner| {
            assert_eq!(inner.get("nullable"), None, "{path}");
            assert_eq!(inner.get("anyOf"), None, "{path}");
        });
    }
}

#[test]
fn every_crd_is_small_enough_for_the_annotation_of_kubectl_apply() {
    for crd in crds() {
        let size = serde_json::to_vec(&crd).unwrap().len();
        println!("{}: {size} bytes", title(&crd));
        assert!(size < ANNOTATION_LIMIT / 5, "{}: {size} bytes", title(&crd));
    }
}
