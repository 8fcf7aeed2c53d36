//! The plot: a panel for each order, a group for each filter, a mark for each engine.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::engine::ENGINES;
use crate::measure::Figures;

const SIZE: (u32, u32) = (1_200, 1_040);

/// Cold colours for other projects; this crate's are warm, and its marks are larger.
const COLORS: [RGBColor; 8] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0x17, 0xbe, 0xcf),
    RGBColor(0x7f, 0x7f, 0x7f),
    RGBColor(0xbc, 0xbd, 0x22),
    RGBColor(0x00, 0x00, 0x00),
];
const OUR_COLORS: [RGBColor; 5] = [
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0xe3, 0x77, 0xc2),
    RGBColor(0xff, 0xb0, 0x00),
    RGBColor(0x8b, 0x00, 0x00),
];

/// Writes the plot of these filters.
pub fn write(path: &Path, figures: &Figures, filters: &[&'static str]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, traffic) in root.split_evenly((2, 1)).iter().zip(["predicted", "random"]) {
        panel(area, figures, filters, traffic)?;
    }
    root.present()?;
    Ok(())
}

type Area<'p> = DrawingArea<SVGBackend<'p>, plotters::coord::Shift>;

fn panel(area: &Area, figures: &Figures, filters: &[&str], traffic: &str) -> Result<(), Box<dyn Error>> {
    let times = || figures.0.iter().filter(|figure| figure.traffic == "predicted" || figure.traffic == "random");
    let lowest = times().map(|figure| figure.time).fold(f64::MAX, f64::min);
    let highest = times().map(|figure| figure.time).fold(1.0, f64::max);
    let last = filters.len() as f64 - 0.5;
    let mut chart = ChartBuilder::on(area)
        .caption(format!("ns a packet, {traffic} order"), ("sans-serif", 22))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(60)
        .build_cartesian_2d(-0.5..last, (lowest * 0.8..highest * 1.25).log_scale())?;
    let filter = |x: &f64| if x.fract() == 0.0 { filters.get(*x as usize).copied().unwrap_or("") } else { "" };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(filters.len())
        .x_label_formatter(&|x| filter(x).to_owned())
        .y_label_formatter(&|y| format!("{y}"))
        .y_desc("ns, log scale")
        .label_style(("sans-serif", 16))
        .light_line_style(BLACK.mix(0.06))
        .draw()?;
    for place in 1..filters.len() {
        let x = place as f64 - 0.5;
        chart.draw_series([PathElement::new([(x, lowest * 0.8), (x, highest * 1.25)], BLACK.mix(0.25))])?;
    }
    let (mut colors, mut our_colors) = (COLORS.iter().cycle(), OUR_COLORS.iter().cycle());
    for (number, engine) in ENGINES.iter().enumerate() {
        let color = if engine.is_ours { our_colors.next() } else { colors.next() }.unwrap_or(&BLACK).filled();
        let size = if engine.is_ours { 7 } else { 5 };
        let shift = (number as f64 - (ENGINES.len() - 1) as f64 / 2.0) * 0.85 / ENGINES.len() as f64;
        let marks = filters.iter().enumerate().filter_map(|(place, filter)| {
            let time = figures.time(filter, engine.name, traffic)?;
            Some(Circle::new((place as f64 + shift, time), size, color))
        });
        let series = chart.draw_series(marks)?;
        series.label(engine.name).legend(move |(x, y)| Circle::new((x + 10, y), size, color));
    }
    let labels = &mut chart.configure_series_labels();
    let position = SeriesLabelPosition::UpperLeft;
    labels
        .position(position)
        .background_style(WHITE)
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 15))
        .draw()?;
    Ok(())
}
