//! The first five minutes, on each mode and each kind of workload.

use anyhow::{Result, ensure};
use serde_json::json;
use splitvault_tests::{Kind, Namespace, Workload, eventually};

const KINDS: [Kind; 4] = [Kind::Pod, Kind::Deployment, Kind::StatefulSet, Kind::Job];

/// What no injector may bend: name, value. None has a single quote, which kubelet's files cannot hold.
fn awkward() -> Vec<(&'static str, String)> {
    vec![
        ("PLAIN", "postgres://web:s3cret@db:5432/shop".to_owned()),
        ("EMPTY", String::new()),
        ("DOUBLE_QUOTES", "say \"hello\"".to_owned()),
        (
            "LINES",
            "-----BEGIN KEY-----\nabc\n\ndef\n-----END KEY-----\n".to_owned(),
        ),
        ("DOLLAR", "$HOME ${PATH} $(id) $$".to_owned()),
        ("HASH", "a#b # c".to_owned()),
        ("UNICODE", "Zürich – 東京 – 🔐".to_owned()),
        ("SPACES", "  two before, two after  ".to_owned()),
        ("BACKSLASH", r"C:\temp\new \n not a newline".to_owned()),
        ("EQUALS", "a=b==c".to_owned()),
        ("LARGE", "0123456789abcdef".repeat(2 * 1024)),
    ]
}

/// The same as a `.env`: single quotes hold anything but themselves.
fn dotenv(variables: &[(&str, String)]) -> String {
    variables
        .iter()
        .map(|(name, value)| format!("{name}='{value}'\n"))
        .collect()
}

fn arrive(namespace: &Namespace, workload: &Workload, expected: &[(&str, String)]) -> Result<()> {
    for (name, value) in expected {
        let got = workload.variable(namespace, name)?;
        ensure!(
            got == value.as_bytes(),
            "{name} is {:?}",
            String::from_utf8_lossy(&got)
        );
    }
    Ok(())
}

fn apply_sealed(namespace: &Namespace, variables: &[(&str, String)], options: &[&str]) {
    let manifest = namespace.seal("web", &dotenv(variables), options).unwrap();
    namespace.apply(&manifest).unwrap();
    namespace.ready("web");
}

#[test]
fn variables_that_kubelet_reads_arrive_byte_for_byte_in_each_kind_of_workload() {
    let namespace = Namespace::make("tour-kubelet").unwrap();
    // Two thirds of kubelet's 64 KiB are taken by the large one.
    apply_sealed(&namespace, &awkward(), &["--expose-names"]);
    for kind in KINDS {
        let workload = Workload::new(kind, &format!("{kind:?}").to_lowercase(), "web");
        eventually("admission", || workload.apply(&namespace));
        workload.ready(&namespace);
        arrive(&namespace, &workload, &awkward()).unwrap();
        let pod = workload.pod(&namespace).unwrap();
        assert_eq!(
            pod["spec"]["containers"][0]["command"],
            json!(["sleep", "2147483647"]),
            "the command is untouched"
        );
        let name = pod["metadata"]["name"].as_str().unwrap();
        let seen = namespace
            .kubectl(&["exec", name, "--container", "app", "--", "env"])
            .unwrap();
        assert!(
            seen.contains("PLAIN=postgres://web:s3cret@db:5432/shop\n"),
            "kubectl exec shows them"
        );
    }
}

#[test]
fn variables_by_exec_arrive_byte_for_byte_in_each_kind_of_workload() {
    let namespace = Namespace::make("tour-exec").unwrap();
    let mut variables = awkward();
    apply_sealed(&namespace, &variables, &[]);
    variables.push(("SINGLE_QUOTE", "it's".to_owned()));
    let manifest = namespace
        .seal(
            "web",
            &format!("{}SINGLE_QUOTE=\"it's\"\n", dotenv(&awkward())),
            &[],
        )
        .unwrap();
    namespace.apply(&manifest).unwrap();
    namespace.ready("web");
    for kind in KINDS {
        let workload = Workload::new(kind, &format!("{kind:?}").to_lowercase(), "web");
        workload.apply(&namespace).unwrap();
        workload.ready(&namespace);
        arrive(&namespace, &workload, &variables).unwrap();
        let pod = workload.pod(&namespace).unwrap().to_string();
        assert!(
            !pod.contains("DOUBLE_QUOTES"),
            "no name stands in the pod when names are not exposed"
        );
    }
}

#[test]
fn the_environment_file_holds_the_values_in_each_kind_of_workload() {
    let namespace = Namespace::make("tour-file").unwrap();
    apply_sealed(&namespace, &awkward(), &[]);
    for kind in KINDS {
        let workload =
            Workload::new(kind, &format!("{kind:?}").to_lowercase(), "web").annotated("mode", "file");
        workload.apply(&namespace).unwrap();
        workload.ready(&namespace);
        let text = String::from_utf8(workload.read(&namespace, "/run/splitvault/.env").unwrap()).unwrap();
        for (name, value) in awkward() {
            assert!(text.contains(&format!("{name}=")), "{name} is in the file");
            assert!(text.contains(&value), "the value of {name} is in the file");
        }
        let mounts = String::from_utf8(workload.read(&namespace, "/proc/self/mounts").unwrap()).unwrap();
        let mount = mounts
            .lines()
            .find(|line| line.contains(" /run/splitvault "))
            .unwrap();
        assert!(mount.starts_with("tmpfs "), "{mount}");
        assert!(
            mount.contains(" ro,"),
            "an application cannot write there: {mount}"
        );
    }
}

#[test]
fn a_job_completes_with_its_variables() {
    let namespace = Namespace::make("tour-job").unwrap();
    apply_sealed(&namespace, &[("GREETING", "hello".to_owned())], &[]);
    let job = Workload::new(Kind::Job, "job", "web").command(&["sh", "-c", "test \"$GREETING\" = hello"]);
    job.apply(&namespace).unwrap();
    eventually("the job completes", || {
        let job = namespace.get("job", "job")?;
        ensure!(job["status"]["succeeded"] == 1, "{}", job["status"]);
        Ok(())
    });
}

#[test]
fn an_application_with_another_uid_reads_its_file() {
    let namespace = Namespace::make("tour-uid").unwrap();
    apply_sealed(&namespace, &[("GREETING", "hello".to_owned())], &[]);
    let security =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsUser": 4711});
    let workload = Workload::new(Kind::Pod, "other", "web")
        .annotated("mode", "file")
        .spec(
            "securityContext",
            json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}),
        )
        .container("securityContext", security);
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    let text = workload.read(&namespace, "/run/splitvault/.env").unwrap();
    assert!(String::from_utf8(text).unwrap().contains("hello"));
}

#[test]
fn a_changed_secret_reaches_the_file_while_the_pod_runs() {
    let namespace = Namespace::make("tour-refresh").unwrap();
    apply_sealed(&namespace, &[("GREETING", "hello".to_owned())], &[]);
    let workload = Workload::new(Kind::Pod, "app", "web")
        .annotated("mode", "file")
        .annotated("refresh", "2s");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    apply_sealed(&namespace, &[("GREETING", "good evening".to_owned())], &[]);
    eventually("the file follows", || {
        let text = String::from_utf8(workload.read(&namespace, "/run/splitvault/.env")?)?;
        ensure!(text.contains("good evening"), "still the old one");
        Ok(())
    });
}

#[test]
fn a_plain_init_container_delivers_once() {
    let namespace = Namespace::make("tour-init").unwrap();
    apply_sealed(&namespace, &[("GREETING", "hello".to_owned())], &[]);
    let workload = Workload::new(Kind::Pod, "app", "web").annotated("refresh", "false");
    workload.apply(&namespace).unwrap();
    workload.ready(&namespace);
    assert_eq!(workload.variable(&namespace, "GREETING").unwrap(), b"hello");
    let pod = workload.pod(&namespace).unwrap();
    assert!(
        pod["spec"]["initContainers"][0]["restartPolicy"].is_null(),
        "it ends before the application starts"
    );
}

#[test]
fn a_variable_that_the_pod_sets_itself_wins() {
    let namespace = Namespace::make("tour-own").unwrap();
    let variables = [
        ("GREETING", "hello".to_owned()),
        ("OTHER", "from the vault".to_owned()),
    ];
    for (secret, options) in [("exec", &[][..]), ("kubelet", &["--expose-names"][..])] {
        namespace
            .apply(&namespace.seal(secret, &dotenv(&variables), options).unwrap())
            .unwrap();
        namespace.ready(secret);
        let own = json!([{"name": "GREETING", "value": "from the pod"}]);
        let workload = Workload::new(Kind::Pod, &format!("own-{secret}"), secret).container("env", own);
        eventually("admission", || workload.apply(&namespace));
        workload.ready(&namespace);
        assert_eq!(
            workload.variable(&namespace, "GREETING").unwrap(),
            b"from the pod"
        );
        assert_eq!(workload.variable(&namespace, "OTHER").unwrap(), b"from the vault");
    }
}
