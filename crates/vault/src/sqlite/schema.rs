//! The tables, version by version. A version that was released is never edited: what changes is an upgrade.

use splitvault_values::sqlite::Schema;

/// "SpVk" in the file's header: a key database of Splitvault.
pub(super) const SCHEMA: Schema = Schema {
    kind: "key database",
    application_id: 0x5370_566b,
    version: 2,
    sql: FIRST,
    upgrades: &[ROTATION],
};

pub(super) const FIRST: &str = "
    CREATE TABLE installation (
        one   INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        id    BLOB    NOT NULL CHECK (length(id) = 16),
        fence INTEGER NOT NULL CHECK (fence >= 0)
    ) STRICT;

    CREATE TABLE wrapped_key (
        id      BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 8),
        ring    TEXT NOT NULL CHECK (ring IN ('names', 'values', 'sealing')),
        state   TEXT NOT NULL CHECK (state IN ('pending', 'active', 'retiring', 'drained', 'destroyed')),
        wrapped BLOB CHECK ((wrapped IS NULL) = (state = 'destroyed'))
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX one_active_key_per_ring ON wrapped_key (ring) WHERE state = 'active';

    CREATE TABLE environment (
        id       BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        uid      TEXT    NOT NULL UNIQUE CHECK (uid <> ''),
        revision INTEGER NOT NULL CHECK (revision >= 1),
        writes   INTEGER NOT NULL CHECK (writes >= 1)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE manifest (
        environment BLOB    NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
        revision    INTEGER NOT NULL CHECK (revision >= 1),
        envelope    BLOB    NOT NULL,
        PRIMARY KEY (environment, revision)
    ) STRICT;

    CREATE TABLE entry (
        environment BLOB    NOT NULL,
        revision    INTEGER NOT NULL,
        id          BLOB    NOT NULL CHECK (length(id) = 16),
        envelope    BLOB    NOT NULL,
        PRIMARY KEY (environment, revision, id),
        FOREIGN KEY (environment, revision) REFERENCES manifest (environment, revision) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;

    PRAGMA application_id = 0x5370566b;
    PRAGMA user_version = 1;
";

/// The life of keys. Under which keys the rows and values of a revision are is not known for those that are there:
/// zero names no key, so they are re-encrypted once.
const ROTATION: &str = "
    CREATE TABLE kept_key (
        id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 8),
        ring       TEXT    NOT NULL CHECK (ring IN ('names', 'values', 'sealing', 'mac')),
        state      TEXT    NOT NULL CHECK (state IN ('pending', 'active', 'retiring', 'drained', 'destroyed')),
        wrapped    BLOB    CHECK ((wrapped IS NULL) = (state = 'destroyed')),
        entered    INTEGER NOT NULL CHECK (entered >= 0),
        activated  INTEGER NOT NULL CHECK (activated >= 0),
        drawn      INTEGER NOT NULL CHECK (drawn >= 0),
        operations INTEGER NOT NULL CHECK (operations >= 0)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO kept_key SELECT id, ring, state, wrapped, 0, 0, 0, 0 FROM wrapped_key;
    DROP TABLE wrapped_key;
    ALTER TABLE kept_key RENAME TO wrapped_key;
    CREATE UNIQUE INDEX one_active_key_per_ring ON wrapped_key (ring) WHERE state = 'active';

    CREATE TABLE key_event (
        sequence INTEGER NOT NULL PRIMARY KEY CHECK (sequence >= 1),
        at       INTEGER NOT NULL CHECK (at >= 0),
        ring     TEXT    NOT NULL,
        key      BLOB    NOT NULL CHECK (length(key) = 8),
        deed     TEXT    NOT NULL,
        cause    TEXT    NOT NULL,
        mac      BLOB    NOT NULL CHECK (length(mac) = 32)
    ) STRICT;

    CREATE TABLE leader (
        one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
        holder  BLOB    NOT NULL CHECK (length(holder) = 16),
        epoch   INTEGER NOT NULL CHECK (epoch >= 1),
        renewed INTEGER NOT NULL CHECK (renewed >= 0)
    ) STRICT;

    CREATE TABLE replica (
        id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
        acknowledged INTEGER NOT NULL CHECK (acknowledged >= 0),
        seen         INTEGER NOT NULL CHECK (seen >= 0)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE escrow (
        key    BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 8),
        ring   TEXT NOT NULL CHECK (ring IN ('names', 'values')),
        sealed BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    ALTER TABLE manifest ADD COLUMN names_key BLOB NOT NULL DEFAULT x'0000000000000000' CHECK (length(names_key) = 8);
    ALTER TABLE manifest ADD COLUMN values_key BLOB NOT NULL DEFAULT x'0000000000000000' CHECK (length(values_key) = 8);
    ALTER TABLE manifest ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1));
    CREATE INDEX manifest_names_key ON manifest (names_key);
    CREATE INDEX manifest_values_key ON manifest (values_key);
    CREATE INDEX manifest_quarantined ON manifest (environment) WHERE quarantined;

    PRAGMA user_version = 2;
";
