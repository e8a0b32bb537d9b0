//! The Grafana dashboard: valid as far as its structure tells, and nothing in it reads as green by being empty.

use crate::promql::{Names, names};
use crate::{file, known};
use mx_exporter::rules::Status;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const DASHBOARD: &str = "dashboards/mx-exporter.json";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dashboard {
    schema_version: u32,
    uid: String,
    title: String,
    templating: Templating,
    panels: Vec<Panel>,
}

#[derive(Deserialize)]
struct Templating {
    list: Vec<Variable>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    query: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Panel {
    id: u32,
    #[serde(rename = "type")]
    kind: String,
    title: String,
    #[serde(default)]
    description: String,
    grid_pos: Place,
    #[serde(default)]
    datasource: Value,
    #[serde(default)]
    field_config: FieldConfig,
    #[serde(default)]
    targets: Vec<Target>,
    #[serde(default)]
    transformations: Vec<Transformation>,
}

#[derive(Deserialize)]
struct Place {
    x: u32,
    y: u32,
    w: u32,
    h: u32,
}

#[derive(Default, Deserialize)]
struct FieldConfig {
    defaults: Map<String, Value>,
    overrides: Vec<Override>,
}

#[derive(Deserialize)]
struct Override {
    matcher: Property,
    properties: Vec<Property>,
}

#[derive(Deserialize)]
struct Property {
    id: String,
    #[serde(alias = "options")]
    value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    ref_id: String,
    datasource: Value,
    expr: String,
    #[serde(default)]
    legend_format: String,
}

#[derive(Deserialize)]
struct Transformation {
    id: String,
    options: Map<String, Value>,
}

#[test]
fn the_dashboard_asks_for_what_exists() {
    for Panel { title, targets, .. } in panels() {
        for Target { expr, legend_format, .. } in targets {
            let asked = names(&expr.replace("$__rate_interval", "5m"));
            known::check(&asked, &title);
            let labels = known::labels_of(&asked);
            for label in legend_format.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
                assert!(labels.contains(label), "{title}: nothing there has the label {label}");
            }
        }
    }
    known::check_prose(&file(DASHBOARD), DASHBOARD);
}

#[test]
fn it_has_one_data_source_and_one_domain() {
    let Dashboard { schema_version, uid, title, templating, .. } = dashboard();
    assert!(schema_version >= 39 && uid == "mx-exporter" && title == "mx-exporter");
    let [source, domain] = templating.list.as_slice() else { panic!("two variables") };
    assert_eq!((source.name.as_str(), source.kind.as_str()), ("datasource", "datasource"));
    assert_eq!(source.query, "prometheus");
    assert_eq!((domain.name.as_str(), domain.kind.as_str()), ("domain", "query"));
    assert_eq!(domain.query["query"], "label_values(smtp_domain_info, domain)");
    assert!(known::labels("smtp_domain_info").contains("domain"));
    for Panel { title, datasource, targets, .. } in panels() {
        for source in targets.iter().map(|target| &target.datasource).chain([&datasource]) {
            assert_eq!(source["uid"], "${datasource}", "{title}");
            assert_eq!(source["type"], "prometheus", "{title}");
        }
    }
}

#[test]
fn every_panel_says_what_it_shows_and_what_it_means_when_empty() {
    for Panel { title, description, field_config, targets, .. } in panels() {
        assert!(!title.is_empty() && description.ends_with('.'), "{title}: {description}");
        let text = |key: &str| field_config.defaults.get(key).and_then(Value::as_str).unwrap_or_default();
        assert!(!text("unit").is_empty(), "{title} has no unit");
        assert!(!text("noValue").is_empty(), "{title} does not say what empty means");
        assert!(!targets.is_empty(), "{title} shows nothing");
        let ids: BTreeSet<_> = targets.iter().map(|target| &target.ref_id).collect();
        assert_eq!(ids.len(), targets.len(), "{title}: a query's name is taken twice");
    }
}

#[test]
fn nothing_has_a_colour_without_a_value() {
    for Panel { title, field_config, .. } in panels() {
        for steps in all(&field_config, "thresholds").iter().map(|thresholds| &thresholds["steps"]) {
            assert!(steps[0]["value"].is_null() && steps[0]["color"] == "transparent", "{title}: {steps}");
        }
        for mapping in all(&field_config, "mappings").iter().flat_map(|mappings| mappings.as_array().unwrap())
        {
            assert!(mapping["type"] == "value" || mapping["type"] == "range", "{title}: {mapping}");
        }
    }
}

#[test]
fn a_status_is_shown_by_its_word() {
    let mut shown = 0;
    for Panel { title, field_config, .. } in panels() {
        for mapping in all(&field_config, "mappings").iter().flat_map(|mappings| mappings.as_array().unwrap())
        {
            let Some(words) = mapping["options"].as_object().filter(|words| words.contains_key("5")) else {
                continue;
            };
            let words = words.iter().map(|(number, word)| (number.clone(), word["text"].clone()));
            let want = Status::ALL
                .iter()
                .map(|status| (status.code().to_string(), status.as_str().into()))
                .collect();
            assert_eq!(words.collect::<BTreeMap<_, Value>>(), want, "{title}");
            shown += 1;
        }
    }
    assert!(shown >= 3, "{shown}");
}

#[test]
fn columns_are_named_that_are_there() {
    for panel in panels() {
        let title = &panel.title;
        let organize = panel.transformations.iter().find(|step| step.id == "organize");
        let renamed = organize.map(|step| step.options["renameByName"].as_object().unwrap());
        let hidden = organize.map(|step| step.options["excludeByName"].as_object().unwrap());
        let columns = columns(&panel);
        let mentioned = [renamed, hidden].into_iter().flatten().flat_map(Map::keys);
        for name in mentioned {
            assert!(columns.contains(name.as_str()), "{title}: there is no column {name}: {columns:?}");
        }
        let shown: BTreeSet<&str> = match renamed {
            Some(renamed) => renamed.values().filter_map(Value::as_str).collect(),
            None => panel.targets.iter().map(|target| target.legend_format.as_str()).collect(),
        };
        for Override { matcher, .. } in &panel.field_config.overrides {
            assert_eq!(matcher.id, "byName", "{title}");
            let name = matcher.value.as_str().unwrap();
            assert!(shown.contains(name), "{title}: nothing is called {name}");
        }
    }
}

/// The columns that the queries of a table give once they are merged.
fn columns(panel: &Panel) -> BTreeSet<String> {
    let value = |target: &Target| match panel.targets.as_slice() {
        [_] => "Value".to_owned(),
        _ => format!("Value #{}", target.ref_id),
    };
    let grouped = panel.targets.iter().flat_map(|target| {
        let Names { labels, .. } = names(&target.expr);
        labels
    });
    panel.targets.iter().map(value).chain(grouped).chain(["Time".to_owned()]).collect()
}

#[test]
fn panels_lie_beside_each_other() {
    let panels = dashboard().panels;
    let ids: BTreeSet<u32> = panels.iter().map(|panel| panel.id).collect();
    assert_eq!(ids.len(), panels.len(), "an id is taken twice");
    let mut taken = BTreeSet::new();
    for Panel { title, grid_pos: Place { x, y, w, h }, .. } in &panels {
        assert!(x + w <= 24, "{title} sticks out");
        for cell in (*x..x + w).flat_map(|x| (*y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} covers another panel at {cell:?}");
        }
    }
    let rows = panels.iter().filter(|panel| panel.kind == "row").map(|row| row.title.as_str());
    assert_eq!(rows.collect::<Vec<_>>(), ["Fleet", "Domain $domain"]);
}

/// A setting, by default and wherever it is overridden.
fn all<'a>(config: &'a FieldConfig, setting: &str) -> Vec<&'a Value> {
    let overridden = config.overrides.iter().flat_map(|part| &part.properties);
    let overridden = overridden.filter(|property| property.id == setting).map(|property| &property.value);
    config.defaults.get(setting).into_iter().chain(overridden).collect()
}

/// Every panel but the rows.
fn panels() -> Vec<Panel> {
    let kinds = ["stat", "state-timeline", "table", "timeseries"];
    let panels = dashboard().panels.into_iter().filter(|panel| panel.kind != "row");
    panels.inspect(|panel| assert!(kinds.contains(&panel.kind.as_str()), "{}", panel.title)).collect()
}

fn dashboard() -> Dashboard {
    serde_json::from_str(&file(DASHBOARD)).unwrap()
}
