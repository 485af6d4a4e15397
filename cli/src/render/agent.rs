//! What an agent says about itself, as pages.

mod status;

use anstyle::Style;
use procwire_proto::{
    escape,
    v1::{FieldCapability, FieldCost, GetCapabilitiesResponse, GetInfoResponse},
};

pub(crate) use self::status::status_page;
use super::{
    clock::Clock,
    page::Page,
    table::{Align, Column, Table},
    units,
};

/// Who answers.
pub(crate) fn info_page(info: &GetInfoResponse, clock: &Clock) -> Page {
    let text = |bytes: &[u8]| escape::terminal(bytes).into_owned();
    let moment = |moment: &prost_types::Timestamp| match clock.since(moment) {
        Some(ago) => format!("{} ({} ago)", clock.full(moment), units::span(ago)),
        None => clock.full(moment),
    };
    let mut page = Page::default();
    let kernel = [&info.kernel_name, &info.kernel_release, &info.machine].map(|part| text(part)).join(" ");
    let host = [
        ("name", Some(text(&info.hostname))),
        ("kernel", Some(kernel)),
        ("build", Some(text(&info.kernel_version))),
        ("booted", info.boot_time.as_ref().map(moment)),
        ("page size", Some(units::bytes(info.page_size_bytes.into()))),
        ("clock", Some(format!("{} ticks per second", info.ticks_per_second))),
    ];
    let agent = [
        ("version", Some(text(info.agent_version.as_bytes()))),
        ("serves", Some(text(info.api_packages.join(", ").as_bytes()))),
        ("process", info.agent.as_ref().map(ToString::to_string)),
        ("started", info.agent_start_time.as_ref().map(moment)),
        ("sees", info.container_mode.then(|| "its host, from a container".to_owned())),
    ];
    let caller = info.caller.clone().unwrap_or_default();
    let you = [
        ("principal", Some(text(caller.principal.as_bytes()))),
        ("roles", Some(text(caller.roles.join(", ").as_bytes()))),
    ];
    page.list("Host", pairs(host));
    page.list("Agent", pairs(agent));
    page.list("You", pairs(you));
    page
}

/// What can be answered.
pub(crate) fn capabilities_page(capabilities: &GetCapabilitiesResponse, _: &Clock) -> Page {
    let GetCapabilitiesResponse { methods, process_fields, system_fields, features } = capabilities;
    let mut page = Page::default();

    let mut table = Table::new(columns(&["METHOD", "ANSWERED", "ROLE", "DETAIL"])).wrapping();
    for method in methods {
        let name = method.method.trim_start_matches('/').trim_start_matches("procwire.v1.");
        let (answered, detail) = match (method.served, method.allowed) {
            (false, _) => ("not yet", ""),
            (true, false) => ("role missing", method.detail.as_str()),
            (true, true) => ("yes", method.detail.as_str()),
        };
        let cells = [name, answered, &method.role, detail];
        table.push(safe(&cells), Style::new());
    }
    page.table("Methods", table);
    page.table("Fields of processes", field_table(process_fields));
    page.table("Fields of the system", field_table(system_fields));

    let mut table = Table::new(columns(&["FEATURE", "THERE", "DETAIL"])).wrapping();
    for feature in features {
        table.push(safe(&[&feature.name, yes(feature.available), &feature.detail]), Style::new());
    }
    page.table("Features of kernel and privilege", table);
    page
}

fn field_table(fields: &[FieldCapability]) -> Table {
    let mut columns = columns(&["FIELD", "THERE", "DEFAULT", "COST", "ROLE", "SOURCE", "DETAIL"]);
    for (column, drop_order) in columns.iter_mut().zip([None, None, Some(2), Some(1), Some(3), Some(4), None]) {
        column.drop_order = drop_order;
    }
    let mut table = Table::new(columns).wrapping();
    for field in fields {
        let cost = match field.cost() {
            FieldCost::Unspecified => "-",
            FieldCost::Free => "free",
            FieldCost::Cheap => "cheap",
            FieldCost::Heavy => "heavy",
        };
        let (there, default) = (yes(field.available), yes(field.in_default_mask));
        let cells = [&field.path, there, default, cost, &field.role, &field.source, &field.detail];
        table.push(safe(&cells), Style::new());
    }
    table
}

fn columns(headers: &[&str]) -> Vec<Column> {
    let mut columns: Vec<_> = headers.iter().map(|header| Column::new(*header, Align::Left)).collect();
    if let Some(first) = columns.first_mut() {
        first.may_be_cut = false;
    }
    columns
}

fn safe(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| escape::terminal(cell.as_bytes()).into_owned()).collect()
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn pairs<const N: usize>(pairs: [(&str, Option<String>); N]) -> Vec<(String, String)> {
    let present = pairs.into_iter().filter_map(|(label, value)| Some((label.to_owned(), value?)));
    present.filter(|(_, value)| !value.is_empty()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{CallerInfo, MethodCapability};

    use super::*;

    fn printed(page: &Page) -> String {
        let mut out = Vec::new();
        page.write(&mut out, Some(80)).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn an_agents_words_are_escaped() {
        let info = GetInfoResponse {
            agent_version: "0.1\u{1b}[2J".to_owned(),
            caller: Some(CallerInfo { principal: "al\nice".to_owned(), roles: vec!["reader".to_owned()] }),
            ..GetInfoResponse::default()
        };
        let page = printed(&info_page(&info, &Clock::system()));
        assert!(page.contains(r"version  0.1\x1b[2J") && page.contains(r"principal  al\nice"), "{page}");
    }

    #[test]
    fn capabilities_fit_80_columns() {
        let capabilities = GetCapabilitiesResponse {
            methods: vec![MethodCapability {
                method: "/procwire.v1.ProcessService/WatchProcessEvents".to_owned(),
                served: true,
                detail: "x".repeat(200),
                ..MethodCapability::default()
            }],
            process_fields: vec![FieldCapability {
                path: "context_switches.all_threads_involuntary".to_owned(),
                source: "/proc/PID/task/*/status".to_owned(),
                detail: "y".repeat(200),
                ..FieldCapability::default()
            }],
            ..GetCapabilitiesResponse::default()
        };
        let page = printed(&capabilities_page(&capabilities, &Clock::system()));
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
        assert!(page.contains("ProcessService/WatchProcessEvents"), "{page}");
    }
}
