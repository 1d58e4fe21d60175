//! The wire forms of AWS's protocols, both ways, driven by the API models.
//!
//! Values are JSON in the API's own member names. Bytes are base64 text, times are text as they came.

pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod rest;
pub(crate) mod scalar;
pub(crate) mod uri;
pub(crate) mod xml;
pub(crate) mod xml_shape;
