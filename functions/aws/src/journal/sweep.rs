//! Where the sweep stands.

use serde_json::Value;
use undrift_core::name::Region;
use undrift_engine::port::JournalError;

use super::attribute::Item;
use super::body::{BODY, pack, unpack};
use super::keys::of_sweep;
use super::table::{DynamoJournal, Put, reading};
use super::wire;

const DOING: &str = "keeping where the sweep stands";

impl DynamoJournal {
    /// Where the sweep of a region stands, and the version of that.
    pub async fn sweep(&self, region: &Region) -> Result<Option<(Value, u64)>, JournalError> {
        let doing = "reading where the sweep stands";
        let Some(item) = self.get(doing, &of_sweep(region)).await? else {
            return Ok(None);
        };
        let version = item.get_number("version").unwrap_or_default();
        let state = reading(doing, unpack(&item))?;
        Ok(Some((state, version)))
    }

    /// Keeps where the sweep stands over the version that was read (0: there was none); `false`:
    /// somebody else went on meanwhile.
    pub async fn keep_sweep(
        &self,
        region: &Region,
        state: &Value,
        version: u64,
    ) -> Result<bool, JournalError> {
        let item = Item::new(&of_sweep(region), "sweep")
            .number("version", version + 1)
            .bytes(BODY, reading(DOING, pack(DOING, state))?);
        let mut put = Put::new(item);
        if version > 0 {
            put.condition = Some("#version = :before");
            put.names = &[("#version", "version")];
            put.values.push((":before", wire::number(version)));
        }
        self.put(DOING, put).await
    }
}
