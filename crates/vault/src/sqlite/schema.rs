//! The tables.

use splitvault_values::sqlite::Schema;

/// "SpVk" in the file's header: a key database of Splitvault.
pub(super) const SCHEMA: Schema = Schema {
    kind: "key database",
    application_id: 0x5370_566b,
    version: 1,
    sql: "
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
    ",
};
