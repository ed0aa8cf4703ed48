//! `chainSpec_v1`: which chain this is.

use serde_json::json;

use crate::{
    registry::{MethodsError, Registry},
    shapes,
};

/// Register the group.
pub(crate) fn register(registry: &mut Registry) -> Result<(), MethodsError> {
    registry.quick("chainSpec_v1_chainName", |node, _| Ok(json!(node.backend.identity().chain)))?;
    registry.quick("chainSpec_v1_genesisHash", |node, _| Ok(shapes::hash(&node.backend.identity().genesis)))?;
    registry.quick("chainSpec_v1_properties", |node, _| Ok(json!(node.backend.identity().properties)))
}
