//! A custom resource with its definition, samples and controllers.

use kubewright_core::controller::{AnySample, Controller};
use kubewright_core::registry::Definition;
use kubewright_core::{ConditionType, KindInfo, Registry};
use serde_json::Value;

use crate::artifact::Error;
use crate::crds::definition;

/// A custom resource of a registry.
pub(super) struct Kind {
    pub(super) definition: Value,
    pub(super) samples: Vec<AnySample>,
    /// The controller that reconciles the resource.
    pub(super) reconciled: Option<Reconciled>,
    /// Names of the controllers that read the resource.
    pub(super) read_by: Vec<&'static str>,
}

/// The declaration of the controller that reconciles a resource.
pub(super) struct Reconciled {
    pub(super) by: &'static str,
    /// Owned kinds; `true` for optional kinds.
    pub(super) owns: Vec<(String, bool)>,
    /// Conditions and reasons that the operator adds.
    pub(super) conditions: &'static [ConditionType],
}

impl Kind {
    pub(super) fn new(registry: &Registry, declared: Definition) -> Result<Self, Error> {
        let is_same = |info: &KindInfo| info.resource() == declared.kind.resource();
        let mut reconciled = None;
        let mut read_by = Vec::new();
        for controller in registry.controllers() {
            if is_same(&controller.resource()) {
                reconciled.get_or_insert_with(|| Reconciled::new(&**controller));
            } else if controller.reads().iter().any(|read| is_same(&read.info)) {
                read_by.push(controller.name());
            }
        }
        Ok(Self {
            definition: definition(&declared.crd)?,
            samples: declared.samples,
            reconciled,
            read_by,
        })
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        self.definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.text("/spec/names/kind")
    }

    pub(super) fn group(&self) -> &str {
        self.text("/spec/group")
    }

    /// The served versions.
    pub(super) fn versions(&self) -> Vec<&Value> {
        let versions = self.definition.pointer("/spec/versions").and_then(Value::as_array);
        versions.into_iter().flatten().filter(|version| version["served"] == true).collect()
    }

    /// `example.com/v1`.
    pub(super) fn api_version(&self, version: &Value) -> String {
        format!("{}/{}", self.group(), version["name"].as_str().unwrap_or_default())
    }

    /// Description in the schema of the first served version.
    pub(super) fn description(&self) -> &str {
        let first = self.versions().first().copied();
        first
            .and_then(|version| version.pointer("/schema/openAPIV3Schema/description")?.as_str())
            .unwrap_or_default()
    }

    /// File name of the page.
    pub(super) fn file(&self) -> String {
        format!("{}_{}.md", self.group(), self.text("/spec/names/plural"))
    }
}

impl Reconciled {
    fn new(controller: &dyn Controller) -> Self {
        let owns = controller.owns();
        Self {
            by: controller.name(),
            owns: owns.iter().map(|owned| (owned.info.to_string(), owned.optional)).collect(),
            conditions: controller.conditions(),
        }
    }
}
