//! A real API server with its own store, where the programs of both are at hand: in the folder that
//! `KUBEBUILDER_ASSETS` names, as is the custom of those who test against Kubernetes
//! (`kube-apiserver`, `etcd`, `kubectl`).

use serde_json::Value;
use simulated_cluster::Certificates;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Tokens of those whom the server knows, with their names and groups.
const TOKENS: &str = "admin-token,admin,1,\"system:masters\"\n\
                      reader-token,ecr-cleanup,2,\"ecr-cleanup:readers\"\n\
                      nobody-token,nobody,3\n";

/// A running API server. It ends, with its store, when it is dropped.
pub(crate) struct ApiServer {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    children: Vec<Child>,
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl ApiServer {
    /// Starts a server with a namespace `shop` and the rights that `infra/kubernetes` grants.
    pub(crate) async fn start() -> Self {
        let Some(programs) = std::env::var_os("KUBEBUILDER_ASSETS") else {
            panic!("KUBEBUILDER_ASSETS names no folder with kube-apiserver, etcd and kubectl");
        };
        let programs = PathBuf::from(programs);
        let folder =
            std::env::temp_dir().join(format!("ecr-cleanup-api-server-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut server = Self {
            programs,
            folder,
            port: free_port(),
            children: Vec::new(),
        };
        let certificates = Certificates::new(&["127.0.0.1"]);
        server.write("authority.pem", &certificates.authority);
        server.write("server.pem", &certificates.certificate);
        server.write("server.key", &certificates.key);
        server.write("tokens.csv", TOKENS);
        server.write("admin.yaml", &server.kubeconfig("admin-token"));
        server.start_programs();
        server.wait().await;
        server.apply(&serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
        let rights = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/infra/kubernetes/clusterrole.yaml"
        );
        server.kubectl(&["apply", "-f", rights], "");
        server
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.join(name), content).unwrap();
    }

    fn start_programs(&mut self) {
        let [client, peer] =
            [free_port(), free_port()].map(|port| format!("http://127.0.0.1:{port}"));
        let etcd = [
            "--data-dir=etcd".to_owned(),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
        ];
        self.spawn("etcd", &etcd);
        let api_server = [
            format!("--etcd-servers={client}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.port),
            "--tls-cert-file=server.pem".to_owned(),
            "--tls-private-key-file=server.key".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-account-signing-key-file=server.key".to_owned(),
            // The certificate: of a key it reads SEC 1 alone.
            "--service-account-key-file=server.pem".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--token-auth-file=tokens.csv".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        self.spawn("kube-apiserver", &api_server);
    }

    fn spawn(&mut self, program: &str, arguments: &[String]) {
        let log = fs::File::create(self.folder.join(format!("{program}.log"))).unwrap();
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(log);
        self.children.push(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{program} does not start: {error}")),
        );
    }

    async fn wait(&self) {
        for _ in 0..300 {
            if self.try_kubectl(&["get", "--raw", "/readyz"], "").is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let log = fs::read_to_string(self.folder.join("kube-apiserver.log")).unwrap_or_default();
        let end: Vec<&str> = log.lines().rev().take(20).collect();
        panic!(
            "the API server is not ready after a minute; its log ends, backwards:\n{}",
            end.join("\n")
        );
    }

    /// Returns the kubeconfig of whoever has that token, with a context `real`.
    pub(crate) fn kubeconfig(&self, token: &str) -> String {
        let (authority, port) = (self.folder.join("authority.pem"), self.port);
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: real\n\
             clusters: [{{name: c, cluster: {{server: \"https://127.0.0.1:{port}\", certificate-authority: \"{}\"}}}}]\n\
             users: [{{name: u, user: {{token: \"{token}\"}}}}]\n\
             contexts: [{{name: real, context: {{cluster: c, user: u}}}}]\n",
            authority.display()
        )
    }

    fn kubectl(&self, arguments: &[&str], input: &str) {
        if let Err(problem) = self.try_kubectl(arguments, input) {
            panic!("kubectl {arguments:?}: {problem}\n{input}");
        }
    }

    fn try_kubectl(&self, arguments: &[&str], input: &str) -> Result<(), String> {
        let mut command = Command::new(self.programs.join("kubectl"));
        command
            .arg("--kubeconfig")
            .arg(self.folder.join("admin.yaml"))
            .args(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .map_err(|error| error.to_string())?;
        let output = child
            .wait_with_output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Creates an object, and gives it the status of the manifest: only the server's own parts may
    /// otherwise.
    pub(crate) fn apply(&self, manifest: &Value) {
        self.kubectl(&["create", "-f", "-"], &manifest.to_string());
        if let Some(path) = status_path(manifest) {
            self.kubectl(
                &["replace", "--raw", &path, "-f", "-"],
                &manifest.to_string(),
            );
        }
    }

    /// Defines a custom kind whose objects may hold anything.
    pub(crate) fn define(&self, group: &str, version: &str, plural: &str, kind: &str) {
        let name = format!("{plural}.{group}");
        let schema =
            serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        self.kubectl(&["create", "-f", "-"], &serde_json::json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")},
                "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
            },
        }).to_string());
        self.kubectl(
            &[
                "wait",
                "--for=condition=Established",
                "--timeout=60s",
                &format!("crd/{name}"),
            ],
            "",
        );
    }
}

/// Returns where the status of a pod is set.
fn status_path(manifest: &Value) -> Option<String> {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
    manifest.get("status")?;
    let path = Path::new("/api/v1/namespaces")
        .join(text("/metadata/namespace")?)
        .join("pods");
    Some(
        path.join(text("/metadata/name")?)
            .join("status")
            .display()
            .to_string(),
    )
}
