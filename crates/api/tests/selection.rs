//! Which variables a pod takes, and under which names.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use splitvault_api::{Missing, Refusal, Request, Selected};

fn parse(inject: &str, more: &[(&str, &str)]) -> Result<Request, Refusal> {
    let mut all = BTreeMap::from([("splitvault.dev/inject".to_owned(), inject.to_owned())]);
    for (name, value) in more {
        all.insert(format!("splitvault.dev/{name}"), (*value).to_owned());
    }
    Request::parse(&all).map(Option::unwrap)
}

/// `web` has URL and PASSWORD, `db` has PASSWORD and a.b-c.
fn selected(more: &[(&str, &str)]) -> Selected {
    let request = parse("web, db", more).unwrap();
    request.selection.of(&[
        ("web", vec!["URL", "PASSWORD"]),
        ("db", vec!["PASSWORD", "a.b-c"]),
    ])
}

/// `TARGET<VAULTSECRET/NAME` for each that is taken.
fn taken(more: &[(&str, &str)]) -> Vec<String> {
    let names = [["web/URL", "web/PASSWORD"], ["db/PASSWORD", "db/a.b-c"]];
    let selected = selected(more);
    assert_eq!(selected.missing, []);
    let each = selected.taken.iter().zip(names);
    each.flat_map(|(taken, names)| {
        taken
            .iter()
            .map(move |taken| format!("{}<{}", taken.target, names[taken.variable]))
    })
    .collect()
}

#[test]
fn without_annotations_everything_is_taken_and_the_later_wins() {
    assert_eq!(
        taken(&[]),
        ["URL<web/URL", "PASSWORD<db/PASSWORD", "a.b-c<db/a.b-c"]
    );
    assert!(parse("web", &[]).unwrap().selection.takes_all());
    assert_eq!(parse("web", &[]).unwrap().selection.text(), "");
}

#[test]
fn some_are_picked_and_renamed() {
    let cases = [
        ("URL", vec!["URL<web/URL"]),
        ("PASSWORD", vec!["PASSWORD<db/PASSWORD"]),
        ("web/PASSWORD", vec!["PASSWORD<web/PASSWORD"]),
        ("PG=db/PASSWORD , URL", vec!["URL<web/URL", "PG<db/PASSWORD"]),
        ("A=URL\nB=URL\n", vec!["A<web/URL", "B<web/URL"]),
        ("ABC=a.b-c", vec!["ABC<db/a.b-c"]),
        ("web/*", vec!["URL<web/URL", "PASSWORD<web/PASSWORD"]),
        (
            "web/*, PASSWORD=db/PASSWORD",
            vec!["URL<web/URL", "PASSWORD<db/PASSWORD"],
        ),
        (
            "PASSWORD=web/PASSWORD, *",
            vec!["URL<web/URL", "PASSWORD<web/PASSWORD", "a.b-c<db/a.b-c"],
        ),
    ];
    for (variables, expected) in cases {
        assert_eq!(taken(&[("variables", variables)]), expected, "{variables}");
    }
}

#[test]
fn a_prefix_is_for_all_or_for_each_and_not_for_targets() {
    assert_eq!(
        taken(&[("prefix", "db=DB_")]),
        [
            "URL<web/URL",
            "PASSWORD<web/PASSWORD",
            "DB_PASSWORD<db/PASSWORD",
            "DB_a.b-c<db/a.b-c"
        ]
    );
    assert_eq!(
        taken(&[("prefix", "X_"), ("variables", "URL, PG=db/PASSWORD")]),
        ["X_URL<web/URL", "PG<db/PASSWORD"]
    );
    let both = [
        ("prefix", "web=W_, db=D_"),
        ("variables", "web/PASSWORD, db/PASSWORD"),
    ];
    assert_eq!(
        taken(&both),
        ["W_PASSWORD<web/PASSWORD", "D_PASSWORD<db/PASSWORD"]
    );
}

#[test]
fn what_is_not_there_is_told_with_what_the_annotation_says() {
    let selected = selected(&[("variables", "URL, NOPE, PG=db/URL"), ("prefix", "X_")]);
    let missing = |of: Option<&str>, name: &str, target: &str| Missing {
        of: of.map(str::to_owned),
        name: name.to_owned(),
        target: target.to_owned(),
        is_renamed: target == "PG",
    };
    let expected = [missing(None, "NOPE", "X_NOPE"), missing(Some("db"), "URL", "PG")];
    assert_eq!(selected.missing, expected);
    let shown: Vec<_> = selected.missing.iter().map(Missing::shown).collect();
    assert_eq!(shown, ["NOPE", "PG=…"]);
    assert_eq!(selected.taken[0].len(), 1);
}

#[test]
fn what_cannot_be_understood_is_refused_by_name() {
    let long = "A".repeat(257);
    let many = (0..1001).map(|n| format!("A{n},")).collect::<String>();
    for text in [
        "",
        " , \n",
        "1A",
        "A B",
        "A=",
        "=A",
        "A==B",
        "-",
        "A=*",
        "1=A",
        "A-B=C",
        "A=B=C",
        "other/A",
        "/A",
        "web/",
        "web//A",
        "web/A/B",
        "A,A",
        "T=A,T=B",
        "web/*,web/*",
        "é",
        "A\u{0}",
        &long,
        &many,
    ] {
        let refusal = parse("web, db", &[("variables", text)]).unwrap_err();
        assert_eq!(refusal.annotation, "splitvault.dev/variables", "{text}");
        assert!(refusal.problem.len() < 400, "{}", refusal.problem);
    }
    for text in [
        "",
        "1",
        "A-",
        "A.",
        "A,B",
        "=A",
        "web=",
        "web=1",
        "other=A",
        "web=A,web=B",
        "web=A,B",
        "A B",
        "*",
        &long,
    ] {
        let refusal = parse("web, db", &[("prefix", text)]).unwrap_err();
        assert_eq!(refusal.annotation, "splitvault.dev/prefix", "{text}");
    }
}

#[test]
fn the_item_that_is_wrong_is_told_by_its_place_and_its_left_side() {
    let both = "splitvault.dev/inject: web, db";
    for (annotation, text, told) in [
        (
            "variables",
            "URL, PASSWORD=hunter2!",
            "item 2 (PASSWORD=…) cannot be understood: write NAME",
        ),
        (
            "variables",
            "URL, other/A",
            "item 2 (other/A) names a VaultSecret",
        ),
        ("variables", "PASSWORD=hunter2/A", both),
        (
            "variables",
            "A=B,A=hunter2",
            "item 2 (A=…) gives a name that is given before",
        ),
        (
            "variables",
            "SPLITVAULT_A=hunter2",
            "item 1 (SPLITVAULT_A=…): names that begin with SPLITVAULT_",
        ),
        (
            "prefix",
            "web=A, db=hunter2!",
            "item 2 (db=…) cannot be understood: write PREFIX_",
        ),
        (
            "prefix",
            "web=A, other=hunter2",
            "item 2 (other=…) names a VaultSecret",
        ),
        (
            "prefix",
            "web=A, web=hunter2",
            "item 2 (web=…) is for a VaultSecret that has one before",
        ),
        ("prefix", "A-", "item 1 (A-) cannot be understood"),
    ] {
        let problem = parse("web, db", &[(annotation, text)]).unwrap_err().problem;
        assert!(
            problem.contains(told) && !problem.contains("hunter2"),
            "{problem}"
        );
    }
}

#[test]
fn a_name_that_is_splitvaults_own_cannot_be_given() {
    for target in ["SPLITVAULT_REVISION", "SPLITVAULT_ANYTHING"] {
        let refusal = parse("web", &[("variables", &format!("{target}=TOKEN"))]).unwrap_err();
        assert!(
            refusal.problem.contains("Splitvault's own"),
            "{}",
            refusal.problem
        );
    }
    assert!(parse("web", &[("variables", "SPLITVAULT=TOKEN")]).is_ok());
    for prefix in ["SPLITVAULT_", "SPLITVAULT_WEB_", "web=SPLITVAULT_"] {
        let refusal = parse("web", &[("prefix", prefix)]).unwrap_err();
        assert!(
            refusal.problem.contains("Splitvault's own"),
            "{}",
            refusal.problem
        );
    }
    assert!(parse("web", &[("prefix", "SPLIT_")]).is_ok());
}

#[test]
fn another_selection_has_another_text() {
    let texts = [
        vec![],
        vec![("variables", "A")],
        vec![("variables", "B")],
        vec![("variables", "A=B")],
        vec![("variables", "web/A")],
        vec![("prefix", "A")],
        vec![("prefix", "web=A")],
        vec![("prefix", "A"), ("variables", "A")],
    ];
    let texts: BTreeSet<_> = texts
        .iter()
        .map(|more| parse("web, db", more).unwrap().selection.text())
        .collect();
    assert_eq!(texts.len(), 8);
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set("[A-C][0-2]?", 0..6).prop_map(|names| names.into_iter().collect())
}

fn item() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-C][0-2]?",
        "(T|U)[0-9]=[A-C][0-2]?",
        "(web|db)/[A-C]",
        "T[0-9]=(web|db)/[A-C]",
        "(web/|db/)?\\*",
    ]
}

proptest! {
    /// Whatever is asked for: no name is given twice, nothing is taken that was not picked, and everything that was
    /// picked is taken or told to be missing.
    #[test]
    fn a_selection_takes_what_it_says_and_no_more(
        web in names(), db in names(), items in prop::collection::vec(item(), 1..8), prefix in "(|P_|db=D_)",
    ) {
        let variables = items.join(",");
        let mut more = vec![("variables", &*variables)];
        if !prefix.is_empty() {
            more.push(("prefix", &*prefix));
        }
        let Ok(request) = parse("web,db", &more) else { return Ok(()) };
        let (web, db): (Vec<_>, Vec<_>) =
            (web.iter().map(String::as_str).collect(), db.iter().map(String::as_str).collect());
        let all = [("web", web.clone()), ("db", db.clone())];
        let selected = request.selection.of(&all);
        let mut targets = BTreeSet::new();
        for (at, taken) in selected.taken.iter().enumerate() {
            for one in taken {
                prop_assert!(targets.insert(one.target.clone()), "{} twice", one.target);
                let (of, names) = &all[at];
                let name = names[one.variable];
                let picked = items.iter().any(|item| {
                    let source = item.split_once('=').map_or(&**item, |(_, source)| source);
                    ["*", &format!("{of}/*"), name, &format!("{of}/{name}")].contains(&source)
                });
                prop_assert!(picked, "{of}/{name} was not asked for in {variables}");
            }
        }
        for item in items.iter().filter(|item| !item.contains('*')) {
            let source = item.split_once('=').map_or(&**item, |(_, source)| source);
            let (of, name) = source.split_once('/').map_or((None, source), |(of, name)| (Some(of), name));
            let there = |names: &[&str]| names.contains(&name);
            let exists = match of {
                Some("web") => there(&web),
                Some(_) => there(&db),
                None => there(&web) || there(&db),
            };
            let told = selected.missing.iter().any(|one| one.name == name && one.of.as_deref() == of);
            prop_assert_eq!(told, !exists);
            if let Some((target, _)) = item.split_once('=') {
                prop_assert_eq!(targets.contains(target), exists);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(variables in "\\PC{0,60}", prefix in "[a-zA-Z=_,. \\n*/é]{0,40}") {
        let _any = parse("web, db, other/web", &[("variables", &variables), ("prefix", &prefix)]);
    }
}
