//! What is done to a database, each to a fresh scene: environments `$A` and `$B`, both at revision 2 of two variables, both
//! with revision 1 in their history.

/// To the key database, so that the object `a` must be affected.
pub(super) const KEY_DATABASE: [(&str, &str); 20] = [
    (
        "objects changed places",
        "UPDATE environment SET uid = 'c' WHERE uid = 'a'; UPDATE environment SET uid = 'a' WHERE uid = 'b';
         UPDATE environment SET uid = 'b' WHERE uid = 'c'",
    ),
    (
        "an object has another's environment",
        "DELETE FROM environment WHERE id = $A; UPDATE environment SET uid = 'a' WHERE id = $B",
    ),
    (
        "everything of another environment is under this one's id",
        "DELETE FROM entry WHERE environment = $A; DELETE FROM manifest WHERE environment = $A;
         UPDATE entry SET environment = $A WHERE environment = $B;
         UPDATE manifest SET environment = $A WHERE environment = $B;
         DELETE FROM environment WHERE id = $B",
    ),
    (
        "a new id for the environment",
        "UPDATE environment SET id = x'00112233445566778899aabbccddeeff' WHERE id = $A;
         UPDATE manifest SET environment = x'00112233445566778899aabbccddeeff' WHERE environment = $A;
         UPDATE entry SET environment = x'00112233445566778899aabbccddeeff' WHERE environment = $A",
    ),
    (
        "a later revision's number",
        "UPDATE entry SET revision = 3 WHERE environment = $A AND revision = 2;
         UPDATE manifest SET revision = 3 WHERE environment = $A AND revision = 2;
         UPDATE environment SET revision = 3 WHERE id = $A",
    ),
    (
        "a row has another environment's envelope",
        "UPDATE entry SET envelope = (SELECT envelope FROM entry WHERE environment = $B AND revision = 2 LIMIT 1)
         WHERE environment = $A AND revision = 2",
    ),
    (
        "a row is another environment's, id and all",
        "DELETE FROM entry WHERE id = (SELECT id FROM entry WHERE environment = $A AND revision = 2 LIMIT 1);
         INSERT INTO entry SELECT $A, 2, id, envelope FROM entry WHERE environment = $B AND revision = 2 LIMIT 1",
    ),
    (
        "rows changed places",
        "CREATE TEMP TABLE kept AS SELECT * FROM entry;
         UPDATE entry SET envelope = (SELECT envelope FROM kept
            WHERE kept.environment = $A AND kept.revision = 2 AND kept.id <> entry.id)
         WHERE environment = $A AND revision = 2",
    ),
    (
        "all rows are those of the older revision",
        "DELETE FROM entry WHERE environment = $A AND revision = 2;
         UPDATE entry SET revision = 2 WHERE environment = $A AND revision = 1",
    ),
    (
        "one row is of the older revision",
        "DELETE FROM entry WHERE id = (SELECT id FROM entry WHERE environment = $A AND revision = 2 LIMIT 1);
         INSERT INTO entry SELECT $A, 2, id, envelope FROM entry WHERE environment = $A AND revision = 1 LIMIT 1",
    ),
    (
        "a row is missing",
        "DELETE FROM entry WHERE id = (SELECT id FROM entry WHERE environment = $A AND revision = 2 LIMIT 1)",
    ),
    ("all rows are missing", "DELETE FROM entry WHERE environment = $A AND revision = 2"),
    (
        "a row more",
        "INSERT INTO entry SELECT $A, 2, randomblob(16), envelope FROM entry WHERE environment = $A LIMIT 1",
    ),
    (
        "rows are cut",
        "UPDATE entry SET envelope = substr(envelope, 1, 40) WHERE environment = $A AND revision = 2",
    ),
    ("rows are empty", "UPDATE entry SET envelope = x'' WHERE environment = $A AND revision = 2"),
    (
        "the manifest is the older one",
        "UPDATE manifest SET envelope = (SELECT envelope FROM manifest WHERE environment = $A AND revision = 1)
         WHERE environment = $A AND revision = 2",
    ),
    (
        "the manifest is another environment's",
        "UPDATE manifest SET envelope = (SELECT envelope FROM manifest WHERE environment = $B AND revision = 2)
         WHERE environment = $A AND revision = 2",
    ),
    ("the manifest is missing", "DELETE FROM manifest WHERE environment = $A AND revision = 2"),
    (
        "the older revision is made the current one, with its write counter",
        "UPDATE environment SET revision = 1, writes = 1 WHERE id = $A",
    ),
    ("the write counter is another", "UPDATE environment SET writes = writes + 1 WHERE id = $A"),
];

/// To the value database, so that both objects must be affected.
pub(super) const VALUE_DATABASE: [(&str, &str); 5] = [
    (
        "values changed places",
        "CREATE TEMP TABLE kept AS
            SELECT token, lead(envelope, 1, (SELECT envelope FROM value ORDER BY token LIMIT 1))
                OVER (ORDER BY token) AS envelope FROM value;
         UPDATE value SET envelope = (SELECT envelope FROM kept WHERE kept.token = value.token)",
    ),
    (
        "all values are one of them",
        "CREATE TEMP TABLE kept AS SELECT envelope FROM value ORDER BY token LIMIT 1;
         UPDATE value SET envelope = (SELECT envelope FROM kept)",
    ),
    ("no values", "DELETE FROM value"),
    (
        "values are cut",
        "UPDATE value SET envelope = substr(envelope, 1, 100)",
    ),
    ("values are empty", "UPDATE value SET envelope = x''"),
];
