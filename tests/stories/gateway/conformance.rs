//! Other people's judges of the ops address: schemathesis for `/v1` by its OpenAPI document, scim2-tester for SCIM.
//! `tests/run --install` puts both into `.venv`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::gateway::OPS_TOKEN;
use crate::support::{StoreKind, World};

fn tool(name: &str) -> PathBuf {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin").join(name);
    assert!(tool.exists(), "no {name} in .venv: tests/run puts it there");
    tool
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_no_5xx_and_no_answer_beside_the_document() {
    let world = World::new(StoreKind::Memory).await;
    let folder = tempfile::tempdir().unwrap();
    let document = format!("http://{}/v1/openapi.json", world.gateway.ops);
    let output = tokio::task::spawn_blocking(move || {
        Command::new(tool("schemathesis"))
            .arg("run")
            .arg(document)
            .args(["--header", &format!("Authorization: Bearer {OPS_TOKEN}")])
            .args([
                "--checks",
                "not_a_server_error,status_code_conformance,content_type_conformance,\
                 response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth,\
                 negative_data_rejection",
            ])
            .args([
                "--phases",
                "coverage,fuzzing",
                "--max-examples",
                "8",
                "--max-time",
                "90",
            ])
            .args(["--seed", "7", "--generation-database", "none", "--no-color"])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    // What was not asked was not judged.
    let tested = said.split("Tested: ").nth(1).unwrap_or_default();
    let digits: String = tested.chars().take_while(char::is_ascii_digit).collect();
    assert!(digits.parse::<usize>().is_ok_and(|tested| tested >= 36), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim2_tester_finds_nothing_against_the_standard() {
    let world = World::new(StoreKind::Memory).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories/gateway/scim.py");
    let base = format!("http://{}/scim/v2", world.gateway.ops);
    let output = tokio::task::spawn_blocking(move || {
        Command::new(tool("python"))
            .arg(script)
            .args([&base, OPS_TOKEN])
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", said(&output));
}
