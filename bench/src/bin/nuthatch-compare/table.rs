//! Tables that read well both as plain text and as Markdown.

use std::fmt;

/// A Markdown table: the first column is aligned to the left, the others to the right.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        Self { rows: vec![header.into_iter().map(str::to_owned).collect()] }
    }

    /// Adds a row with as many cells as the header has.
    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        (0..columns).map(|column| width(column).unwrap_or(0).max(3)).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(formatter, "| {cell:<width$} |")?,
                    _ => write!(formatter, " {cell:>width$} |")?,
                }
            }
            writeln!(formatter)?;
            if number == 0 {
                for (column, width) in widths.iter().enumerate() {
                    match column {
                        0 => write!(formatter, "|{}|", "-".repeat(width + 2))?,
                        _ => write!(formatter, "{}:|", "-".repeat(width + 1))?,
                    }
                }
                writeln!(formatter)?;
            }
        }
        Ok(())
    }
}

/// A row of figures, with the last server's as a part of the least of the others'.
pub(crate) fn compared_row(name: &str, figures: &[f64], digits: usize) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    cells.extend(figures.iter().map(|figure| format!("{figure:.digits$}")));
    cells.push(match figures.split_last() {
        Some((last, others)) if !others.is_empty() => {
            format!("{:.2}", last / others.iter().copied().fold(f64::INFINITY, f64::min))
        }
        _ => String::new(),
    });
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_markdown_knows_their_alignment() {
        let mut table = Table::new(["server", "µs"]);
        table.push(["a".to_owned(), "1.25".to_owned()]);
        assert_eq!(table.to_string(), "| server |   µs |\n|--------|-----:|\n| a      | 1.25 |\n");
    }
}
