//! Bar charts as SVG: one panel for each workload, one bar for each server.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const PANELS_IN_A_ROW: usize = 3;
const PANEL_WIDTH: u32 = 340;
const BAR_HEIGHT: u32 = 26;
/// Room for the title of a panel and the space below it.
const PANEL_MARGIN: u32 = 50;
const TITLE_HEIGHT: u32 = 44;
/// Room for the names of the servers left of the bars, and for the figures right of them.
const NAME_WIDTH: i32 = 90;
const FIGURE_WIDTH: i32 = 60;

/// Colours that remain distinct to colour-blind readers (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
];

/// One chart: a title and a value for each server.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<(String, f64)>,
}

/// Draws the panels, each to its own scale.
pub(crate) fn draw(path: &Path, title: &str, panels: &[Panel]) -> Result<()> {
    let bars = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or(0) as u32;
    let rows = panels.len().div_ceil(PANELS_IN_A_ROW);
    let panel_height = bars * BAR_HEIGHT + PANEL_MARGIN;
    let size = (PANELS_IN_A_ROW as u32 * PANEL_WIDTH, TITLE_HEIGHT + rows as u32 * panel_height);
    let root = SVGBackend::new(path, size).into_drawing_area();
    draw_into(&root, title, rows, panels).map_err(|error| anyhow!("drawing {}: {error}", path.display()))?;
    root.present().map_err(|error| anyhow!("writing {}: {error}", path.display()))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type DrawResult = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

fn draw_into(root: &Area<'_>, title: &str, rows: usize, panels: &[Panel]) -> DrawResult {
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(TITLE_HEIGHT);
    head.draw(&Text::new(title, (16, 14), ("sans-serif", 20)))?;
    for (area, panel) in body.split_evenly((rows, PANELS_IN_A_ROW)).iter().zip(panels) {
        draw_panel(area, panel)?;
    }
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel) -> DrawResult {
    area.draw(&Text::new(&*panel.title, (16, 8), ("sans-serif", 16)))?;
    let largest = panel.bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let full_width = PANEL_WIDTH as i32 - NAME_WIDTH - FIGURE_WIDTH;
    let label = ("sans-serif", 13).into_text_style(area);
    for (number, (name, value)) in panel.bars.iter().enumerate() {
        let top = 30 + number as i32 * BAR_HEIGHT as i32;
        let bottom = top + BAR_HEIGHT as i32 - 8;
        let middle = i32::midpoint(top, bottom);
        let end = NAME_WIDTH + (f64::from(full_width) * value / largest) as i32;
        let colour = COLOURS[number % COLOURS.len()];
        area.draw(&Rectangle::new([(NAME_WIDTH, top), (end, bottom)], colour.filled()))?;
        let name_style = label.pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(&**name, (NAME_WIDTH - 8, middle), name_style))?;
        let figure_style = label.pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(format!("{value:.3}"), (end + 6, middle), figure_style))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_carries_its_name_and_figure() {
        let path = std::env::temp_dir().join(format!("nuthatch-plot-{}.svg", std::process::id()));
        let bars = vec![("one".to_owned(), 1.5), ("two".to_owned(), 0.25)];
        draw(&path, "Title", &[Panel { title: "get:1".to_owned(), bars }]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for text in ["Title", "get:1", "one", "two", "1.500", "0.250"] {
            assert!(svg.contains(text), "{text} is missing");
        }
    }
}
