//! A change of keys in a copy whose key log cannot be continued, because the key of its MACs is lost.

use super::{SqliteKeys, checkpoint_patiently, key_store_error, life};
use crate::keys::{KeyChange, KeyStoreError};

impl SqliteKeys {
    /// Makes a change that begins the key log anew: what it told before is gone. Only for a copy that nobody uses; a
    /// process that had it open would say that it was rolled back.
    ///
    /// # Errors
    /// See [`crate::keys::LifeStore::change`]; nothing is changed then.
    pub async fn change_with_new_log(&self, change: &KeyChange) -> Result<(), KeyStoreError> {
        let mut transaction = life::begin(&self.writer).await?;
        sqlx::raw_sql("DELETE FROM key_event; DELETE FROM leader; DELETE FROM replica")
            .execute(&mut *transaction)
            .await
            .map_err(key_store_error)?;
        life::apply(&mut transaction, change).await?;
        transaction.commit().await.map_err(key_store_error)?;
        checkpoint_patiently(&self.writer).await
    }
}
