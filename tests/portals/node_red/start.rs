//! Node-RED, as npm ships it.

use std::process::Command;

use crate::portals::app::{ANNA, App, BEN, Start, installed, password_of};

/// Stands in the flows that are deployed.
pub const SECRET: &str = "The safe is behind the clock.";

/// What a debug node tells over the editor's WebSocket each second.
pub const TICK: &str = "ticking-behind-the-clock";

/// An editor with two users of all rights, and a flow that ticks.
pub async fn start() -> App {
    let start = Start::new("node-red");
    start.write("flows.json", flows());
    let bcrypt = installed(".node/node_modules/bcryptjs");
    start.write(
        "settings.js",
        format!(
            "const bcrypt = require('{}');\n\
             const user = (username, password) => ({{username, password: bcrypt.hashSync(password, 4), permissions: '*'}});\n\
             module.exports = {{\n\
               uiHost: '127.0.0.1', uiPort: {}, flowFile: 'flows.json', credentialSecret: 'stories',\n\
               telemetry: {{enabled: false, updateNotification: false}}, editorTheme: {{tours: false}},\n\
               externalModules: {{autoInstall: false, palette: {{allowInstall: false}}}},\n\
               adminAuth: {{type: 'credentials', users: [user('{ANNA}', '{}'), user('{BEN}', '{}')]}},\n\
               httpAdminMiddleware: (request, answer, next) => {{\n\
                 console.log('request ' + request.method + ' ' + request.originalUrl);\n\
                 next();\n\
               }},\n\
             }};\n",
            bcrypt.display(),
            start.address.port(),
            password_of(ANNA),
            password_of(BEN),
        ),
    );
    let folder = start.at().display().to_string();
    let mut node = Command::new("node");
    node.arg(installed(".node/node_modules/node-red/red.js"))
        .args(["--settings", "settings.js", "--userDir", &folder])
        .env("HOME", &folder);
    start.run(&mut node, "/", requests).await
}

fn flows() -> String {
    serde_json::json!([
        {"id": "works", "type": "tab", "label": "Works", "info": SECRET},
        {"id": "clock", "type": "inject", "z": "works", "name": "clock", "props": [{"p": "payload"}],
         "repeat": "1", "once": true, "onceDelay": 0.1, "topic": "", "payload": TICK, "payloadType": "str",
         "x": 120, "y": 80, "wires": [["bell"]]},
        {"id": "bell", "type": "debug", "z": "works", "name": "bell", "active": true, "tosidebar": true,
         "console": false, "tostatus": false, "complete": "payload", "targetType": "msg",
         "x": 320, "y": 80, "wires": []},
    ])
    .to_string()
}

/// `request GET /flows`
fn requests(app: &App) -> Vec<String> {
    let output = app.output();
    output
        .lines()
        .filter_map(|line| Some(line.strip_prefix("request ")?.to_owned()))
        .collect()
}
