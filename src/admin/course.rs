//! The last minutes as lines of a chart.

use std::sync::Arc;

use super::gather::time;
use super::status::{History, Lines, RouteLine};
use crate::observe::books::Books;
use crate::observe::history::{self, Point};
use crate::observe::lane::Lane;
use crate::observe::sockets::Totals;

/// Routes that have a history of their own, the busiest.
const ROUTES_WITH_HISTORY: usize = 12;

/// The history of all and of the first of `lanes`.
pub fn course(books: &Books, lanes: &[(Arc<Lane>, Totals)]) -> History {
    let used = lanes.iter().map(|(lane, _)| lane).take(ROUTES_WITH_HISTORY);
    let shown: Vec<&Arc<Lane>> = used.collect();
    let numbers: Vec<u32> = shown.iter().map(|it| it.number).collect();
    let course = books.history.course(&numbers);
    let route = |(lane, points): (&Arc<Lane>, &Vec<Option<Point>>)| {
        let Lines { sockets, up_messages, down_messages, up_bytes, down_bytes } = lines(points);
        let (site, route) = (lane.site.to_string(), lane.route.to_string());
        let backend = lane.backend.to_string();
        RouteLine {
            site,
            route,
            backend,
            sockets,
            up_messages,
            down_messages,
            up_bytes,
            down_bytes,
        }
    };
    let all: Vec<Option<Point>> = course.all.iter().copied().map(Some).collect();
    History {
        every_s: history::EVERY.as_secs_f64(),
        times: course.times.iter().map(|it| time(*it)).collect(),
        all: lines(&all),
        routes: shown.into_iter().zip(&course.lanes).map(route).collect(),
    }
}

fn lines(points: &[Option<Point>]) -> Lines {
    let line = |value: fn(&Point) -> f64| {
        let tenths = |it: f64| (it * 10.0).round() / 10.0;
        points.iter().map(|it| it.as_ref().map(|it| tenths(value(it)))).collect()
    };
    Lines {
        sockets: line(|it| it.sockets as f64),
        up_messages: line(|it| it.up_messages),
        down_messages: line(|it| it.down_messages),
        up_bytes: line(|it| it.up_bytes),
        down_bytes: line(|it| it.down_bytes),
    }
}
