//! The value store answers the operator and nobody else.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use splitvault_tests::{SYSTEM, kubectl, run, service_address};

/// A directory with keys and certificates, gone after the test.
struct Keys(PathBuf);

impl Keys {
    fn make(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("splitvault-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let keys = Self(directory);
        for (field, file) in [("ca\\.crt", "ca.crt"), ("ca\\.key", "ca.key")] {
            let path = format!("--output=jsonpath={{.data.{field}}}");
            let data = kubectl(&["--namespace", SYSTEM, "get", "secret", "splitvault-ca", &path]).unwrap();
            fs::write(keys.path(file), STANDARD.decode(data).unwrap()).unwrap();
        }
        keys
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).display().to_string()
    }

    fn openssl(arguments: &[&str]) {
        let output = run("openssl", arguments, b"").unwrap();
        assert_eq!(output.code, Some(0), "{}", output.stderr);
    }

    /// A client certificate with this identity, signed by this authority.
    fn client(&self, identity: &str, authority: &str) {
        let curve = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ];
        let (key, request) = (self.path("client.key"), self.path("client.csr"));
        Self::openssl(
            &[
                &["req"],
                &curve[..],
                &["-keyout", &key, "-out", &request, "-subj", "/CN=client"],
            ]
            .concat(),
        );
        let extensions = self.path("client.ext");
        fs::write(
            &extensions,
            format!("subjectAltName=URI:{identity}\nextendedKeyUsage=clientAuth\n"),
        )
        .unwrap();
        let (ca, ca_key) = (
            self.path(&format!("{authority}.crt")),
            self.path(&format!("{authority}.key")),
        );
        Self::openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-CAcreateserial",
            "-days",
            "1",
            "-extfile",
            &extensions,
            "-out",
            &self.path("client.crt"),
        ]);
    }

    /// An authority that the store does not know.
    fn stranger(&self) {
        let curve = [
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "1",
        ];
        let (key, crt) = (self.path("stranger.key"), self.path("stranger.crt"));
        Self::openssl(
            &[
                &["req"],
                &curve[..],
                &["-keyout", &key, "-out", &crt, "-subj", "/CN=stranger"],
            ]
            .concat(),
        );
    }

    /// Whether the store speaks HTTP/2 with a client that connects like this.
    fn admits(&self, options: &[&str]) -> bool {
        let target = format!("https://splitvault-store.{SYSTEM}.svc:7443/splitvault.values.v1.Values/List");
        let mut address = service_address("splitvault-store").unwrap();
        if address == "None" {
            let path = "--output=jsonpath={.status.podIP}";
            address = kubectl(&["--namespace", SYSTEM, "get", "pod", "splitvault-store-0", path]).unwrap();
        }
        let resolve = format!("splitvault-store.{SYSTEM}.svc:7443:{address}");
        let ca = self.path("ca.crt");
        let base = [
            "--silent",
            "--http2-prior-knowledge",
            "--cacert",
            &ca,
            "--resolve",
            &resolve,
            "--header",
            "Content-Type: application/grpc",
            "--data-binary",
            "@-",
            "--dump-header",
            "-",
            "--output",
            "/dev/null",
            &target,
        ];
        // An empty message: no compression, length 0.
        let output = run("curl", &[&base, options].concat(), &[0; 5]).unwrap();
        output.code == Some(0) && output.text().contains("200")
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(Path::new(&self.0)));
    }
}

#[test]
fn the_operators_identity_is_admitted_and_no_other() {
    let keys = Keys::make("identity");
    let (key, crt) = (keys.path("client.key"), keys.path("client.crt"));
    let shown = ["--key", key.as_str(), "--cert", crt.as_str()];

    keys.client("spiffe://splitvault/operator", "ca");
    assert!(
        keys.admits(&shown),
        "the positive control: the operator's identity is admitted"
    );
    assert!(
        !keys.admits(&[&shown[..], &["--tls-max", "1.2"]].concat()),
        "TLS 1.2 is refused"
    );

    keys.client("spiffe://splitvault/sidecar", "ca");
    assert!(!keys.admits(&shown), "a sidecar's identity is refused");

    keys.stranger();
    keys.client("spiffe://splitvault/operator", "stranger");
    assert!(
        !keys.admits(&shown),
        "a certificate of another authority is refused"
    );
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let keys = Keys::make("anonymous");
    assert!(!keys.admits(&[]));
    assert!(!keys.admits(&["--tls-max", "1.2"]));
}

#[test]
fn plain_http_is_refused() {
    let pod = kubectl(&[
        "--namespace",
        SYSTEM,
        "get",
        "pod",
        "splitvault-store-0",
        "--output=jsonpath={.status.podIP}",
    ])
    .unwrap();
    let answer = run(
        "curl",
        &["--silent", "--max-time", "10", &format!("http://{pod}:7443/")],
        b"",
    )
    .unwrap();
    assert_ne!(answer.code, Some(0));
}

#[test]
fn the_store_has_no_rights_and_no_token() {
    let pod = kubectl(&[
        "--namespace",
        SYSTEM,
        "get",
        "pod",
        "splitvault-store-0",
        "--output=yaml",
    ])
    .unwrap();
    assert!(!pod.contains("serviceAccountToken"), "no token is mounted");
    let who = "--as=system:serviceaccount:splitvault-system:splitvault-store";
    assert!(kubectl(&["auth", "can-i", "get", "secrets", who]).is_err());
    assert!(kubectl(&["auth", "can-i", "get", "pods", who]).is_err());
}
