//! The options of searches.

use nuthatch_protocol::number::{parse_f64, parse_i64};

use crate::arguments::{Arguments, is_word};
use crate::error::{CommandError, Outcome};
use crate::value::geo::{Polygon, Position, Shape};
use crate::value::sorted_set::SortedSetRef;

use super::query::{Details, Limit, Order, Query};
use super::{Unit, parse_position};

/// Which options a command has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    /// Those of GEORADIUS and GEORADIUSBYMEMBER.
    Radius,
    /// Those of their variants that never store.
    RadiusReadOnly,
    /// Those of GEOSEARCH.
    Search,
    /// Those of GEOSEARCHSTORE.
    SearchStore,
}

impl Grammar {
    /// Whether options say where to look.
    fn has_places(self) -> bool {
        matches!(self, Self::Search | Self::SearchStore)
    }
}

/// Where the center of a search is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Center {
    /// At a place that was given.
    Place(Position),
    /// At a member of the sorted set; nowhere if there is no set, so that nothing will be found.
    Member(Option<Position>),
}

/// What was read of a search's arguments.
#[derive(Debug, Default)]
pub(super) struct Options {
    center: Option<Center>,
    shape: Option<(Shape, Unit)>,
    pub(super) details: Details,
    /// The argument that is the key to store under.
    pub(super) destination: Option<usize>,
    /// Whether distances are stored instead of places.
    pub(super) stores_distances: bool,
    order: Option<Order>,
    count: Option<usize>,
    any: bool,
}

impl Options {
    /// Those of a search whose place is not an option; without a shape, there is no set to search in.
    pub(super) fn around(center: Center, shape: Option<(Shape, Unit)>) -> Self {
        Self { center: Some(center), shape, ..Self::default() }
    }

    /// Reads the arguments from `first` on. Members are looked up in `set`.
    pub(super) fn read(
        &mut self,
        arguments: &Arguments<'_>,
        first: usize,
        grammar: Grammar,
        set: Option<SortedSetRef<'_>>,
    ) -> Outcome {
        let mut next = first;
        while let Some(word) = arguments.get(next) {
            let values = arguments.skip(next + 1);
            let taken = if self.accept_flag(word, grammar) {
                0
            } else if is_word(word, "COUNT") && !values.is_empty() {
                self.count = Some(parse_count(values.at(0))?);
                1
            } else if grammar == Grammar::Radius
                && (is_word(word, "STORE") || is_word(word, "STOREDIST"))
                && !values.is_empty()
            {
                self.destination = Some(next + 1);
                self.stores_distances = is_word(word, "STOREDIST");
                1
            } else if grammar.has_places() {
                self.accept_place(word, values, set)?.ok_or(CommandError::SYNTAX)?
            } else {
                return Err(CommandError::SYNTAX);
            };
            next += 1 + taken;
        }
        self.check(arguments.at(0), grammar)
    }

    /// Takes an option without a value. Says whether it is one.
    fn accept_flag(&mut self, word: &[u8], grammar: Grammar) -> bool {
        match word {
            word if is_word(word, "WITHDIST") => self.details.distance = true,
            word if is_word(word, "WITHHASH") => self.details.hash = true,
            word if is_word(word, "WITHCOORD") => self.details.position = true,
            word if is_word(word, "ANY") => self.any = true,
            word if is_word(word, "ASC") => self.order = Some(Order::Ascending),
            word if is_word(word, "DESC") => self.order = Some(Order::Descending),
            word if is_word(word, "STOREDIST") && grammar == Grammar::SearchStore => {
                self.stores_distances = true;
            }
            _ => return false,
        }
        true
    }

    /// Takes an option that says where to look, if it is one that may follow. Says how many values it has.
    fn accept_place(
        &mut self,
        word: &[u8],
        values: Arguments<'_>,
        set: Option<SortedSetRef<'_>>,
    ) -> Result<Option<usize>, CommandError> {
        let shape = self.shape.as_ref().map(|(shape, _)| shape);
        let has_polygon = matches!(shape, Some(Shape::Polygon(_)));
        let takes_place = !has_polygon && !matches!(self.center, Some(Center::Member(_)));
        let takes_member = !has_polygon && !matches!(self.center, Some(Center::Place(_)));
        let takes_circle = matches!(shape, None | Some(Shape::Circle { .. }));
        let takes_box = matches!(shape, None | Some(Shape::Box { .. }));
        // A polygon is center and shape in one.
        let takes_polygon = has_polygon || self.center.is_none() && shape.is_none();
        let taken = if is_word(word, "FROMMEMBER") && !values.is_empty() && takes_member {
            self.center = Some(Center::Member(position_of(values.at(0), set)?));
            1
        } else if is_word(word, "FROMLONLAT") && values.len() >= 2 && takes_place {
            self.center = Some(Center::Place(parse_position(values.at(0), values.at(1))?));
            2
        } else if is_word(word, "BYRADIUS") && values.len() >= 2 && takes_circle {
            self.shape = Some(parse_circle(values)?);
            2
        } else if is_word(word, "BYBOX") && values.len() >= 3 && takes_box {
            self.shape = Some(parse_box(values)?);
            3
        } else if is_word(word, "BYPOLYGON") && values.len() >= 2 && takes_polygon {
            let vertices = parse_vertices(values)?;
            let taken = 1 + 2 * vertices.len();
            let polygon = Polygon::new(vertices);
            self.center = Some(Center::Place(polygon.center()));
            self.shape = Some((Shape::Polygon(polygon), Unit::METER));
            taken
        } else {
            return Ok(None);
        };
        Ok(Some(taken))
    }

    /// Checks what goes together, and that nothing is missing.
    fn check(&self, name: &[u8], grammar: Grammar) -> Outcome {
        const RADIUS_DETAILS: CommandError = CommandError::fixed(
            "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        );
        const SEARCH_DETAILS: CommandError = CommandError::fixed(
            "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        );
        const ANY: CommandError = CommandError::fixed("ERR the ANY argument requires COUNT argument");
        let one_of = |options| {
            let before = format!("ERR exactly one of {options} can be specified for ");
            CommandError::repeating(&before, name, "")
        };
        if self.details.count() > 0 && grammar == Grammar::SearchStore {
            Err(SEARCH_DETAILS)
        } else if self.details.count() > 0 && self.destination.is_some() {
            Err(RADIUS_DETAILS)
        } else if self.center.is_none() {
            Err(one_of("FROMMEMBER or FROMLONLAT"))
        } else if self.shape.is_none() && grammar.has_places() {
            Err(one_of("BYRADIUS and BYBOX"))
        } else if self.any && self.count.is_none() {
            Err(ANY)
        } else {
            Ok(())
        }
    }

    /// What to look for; nothing if it cannot be anywhere.
    pub(super) fn query(&self) -> Option<Query<'_>> {
        let center = match self.center? {
            Center::Place(position) => position,
            Center::Member(position) => position?,
        };
        let (shape, _) = self.shape.as_ref()?;
        let limit = self.count.map(|count| Limit { count, any: self.any });
        Some(Query { center, shape, order: self.order, limit })
    }

    /// The unit in which the shape was given, and so distances are.
    pub(super) fn unit(&self) -> Unit {
        self.shape.as_ref().map_or(Unit::METER, |(_, unit)| *unit)
    }
}

/// Where a member is; nothing if there is no set.
pub(super) fn position_of(
    member: &[u8],
    set: Option<SortedSetRef<'_>>,
) -> Result<Option<Position>, CommandError> {
    const NO_MEMBER: CommandError = CommandError::fixed("ERR could not decode requested zset member");
    set.map(|set| set.score(member).map(Position::of_score).ok_or(NO_MEMBER)).transpose()
}

/// Reads the radius and its unit.
pub(super) fn parse_circle(values: Arguments<'_>) -> Result<(Shape, Unit), CommandError> {
    const NEGATIVE: CommandError = CommandError::fixed("ERR radius cannot be negative");
    let radius = parse_size(values.at(0), "radius")?;
    if radius < 0.0 {
        return Err(NEGATIVE);
    }
    let unit = Unit::parse(values.at(1))?;
    Ok((Shape::Circle { radius: radius * unit.meters }, unit))
}

/// Reads the width, the height and their unit.
fn parse_box(values: Arguments<'_>) -> Result<(Shape, Unit), CommandError> {
    const NEGATIVE: CommandError = CommandError::fixed("ERR height or width cannot be negative");
    let width = parse_size(values.at(0), "width")?;
    let height = parse_size(values.at(1), "height")?;
    if width < 0.0 || height < 0.0 {
        return Err(NEGATIVE);
    }
    let unit = Unit::parse(values.at(2))?;
    Ok((Shape::Box { width: width * unit.meters, height: height * unit.meters }, unit))
}

/// Reads the number of vertices, and as many places.
fn parse_vertices(values: Arguments<'_>) -> Result<Vec<Position>, CommandError> {
    const INVALID_COUNT: CommandError = CommandError::fixed("ERR invalid number of vertices");
    const TOO_FEW: CommandError =
        CommandError::fixed("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
    let count = parse_i64(values.at(0)).and_then(|count| i32::try_from(count).ok()).ok_or(INVALID_COUNT)?;
    let given = (values.len() - 1) / 2;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| (Polygon::VERTICES_MIN..=given).contains(count))
        .ok_or(TOO_FEW)?;
    (0..count).map(|vertex| parse_position(values.at(1 + 2 * vertex), values.at(2 + 2 * vertex))).collect()
}

fn parse_size(argument: &[u8], name: &str) -> Result<f64, CommandError> {
    parse_f64(argument).ok_or_else(|| CommandError::new(format!("ERR need numeric {name}")))
}

fn parse_count(argument: &[u8]) -> Result<usize, CommandError> {
    const TOO_SMALL: CommandError = CommandError::fixed("ERR COUNT must be > 0");
    let count = parse_i64(argument).ok_or(CommandError::NOT_AN_INTEGER)?;
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(TOO_SMALL)
}
