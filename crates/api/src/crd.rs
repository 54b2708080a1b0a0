//! The CustomResourceDefinitions as they are shipped.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::{VaultRequest, VaultSecret};

/// The definition of VaultSecrets.
///
/// Optional fields are not `nullable`: the API server then drops an explicit `null` before any CEL rule sees it.
/// Nothing has a default, so that nothing shows as drift.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    settled(VaultSecret::crd())
}

/// The definition of VaultRequests, by the same rules.
#[must_use]
pub fn request_crd() -> CustomResourceDefinition {
    settled(VaultRequest::crd())
}

fn settled(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = crd
        .spec
        .versions
        .iter_mut()
        .filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        settle(schema);
    }
    crd
}

fn settle(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.default = None;
    schema
        .properties
        .iter_mut()
        .flat_map(|properties| properties.values_mut())
        .for_each(settle);
    match schema.items.as_mut() {
        Some(JSONSchemaPropsOrArray::Schema(items)) => settle(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(settle),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        settle(values);
    }
}
