//! The fields of one line, and what two values of one field mean.

use std::net::IpAddr;

use super::access_record::{AccessRecord, HostSource};
use super::domain::{is_own_domain, push_own_domain};
use super::lacks::Lacks;
use super::names::{FIELDS, Field, Found, IDENTITY, Name, Place, is_identity};
use super::shape::FieldSet;
use super::skip::Skip;
use super::span::Span;
use super::template::{Route, Target, fill, has_braces, names_endpoint};
use super::validate::{Host, address, is_absent, milliseconds, number, valid_method};
use super::{Origin, Reading};
use crate::json;

/// The longest user agent that is sent; API Gateway takes 10,240 bytes for the whole head.
const MAX_USER_AGENT: usize = 8 * 1024;

/// The most other values of method, path, host and address that a line may have. Equal ones do not count.
const MAX_OTHERS: usize = 256;

/// The fields that can hold the template of a route, in the order in which they count.
const TEMPLATES: [Field; 3] = [Field::ResourcePath, Field::RouteKey, Field::OtherTemplate];

/// The fields of one line.
#[derive(Debug)]
pub(super) struct Fields {
    slots: [Slot; FIELDS],
    /// What else the line gives as its method, path, host and address.
    others: Vec<Other>,
    /// The line can't be trusted as a whole.
    pub(super) is_malformed: bool,
    /// A value holds what may be names of the line's template, so that these are not known for certain.
    pub(super) holds_names: bool,
    /// Such a name is one that most records are made without.
    pub(super) holds_extra: bool,
    /// Of the fields that say what was called, and by whom, those that the record is made of.
    used: FieldSet,
    /// What the format lacks of a record, where there is none.
    pub(super) lacks: Lacks,
    /// Of each field of `IDENTITY` whether it has two values that may differ, and where the second stands.
    exceptions: [Option<Place>; IDENTITY.len()],
    /// A field that is absent under one name and has a value under another, which a caller could write by then.
    filled_in: Option<Field>,
    /// A host in another spelling than it was logged in, or one that the API's id tells.
    host: String,
    /// A path that is not a part of the line.
    path: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Which of the field's names it is from; 0: none yet.
    rank: u8,
    place: Place,
    /// The same name has another value too, so that neither is known to be right.
    is_ambiguous: bool,
    value: Span,
}

impl Slot {
    const NONE: Self = Self {
        rank: 0,
        place: Place::First,
        is_ambiguous: false,
        value: Span::NONE,
    };
}

/// One more value of a field that has one already, or that is not to be sent.
#[derive(Debug, Clone, Copy)]
struct Other {
    found: Found,
    place: Place,
    value: Span,
}

impl Fields {
    pub(super) fn new() -> Self {
        Self {
            slots: [Slot::NONE; FIELDS],
            others: Vec::new(),
            is_malformed: false,
            holds_names: false,
            holds_extra: false,
            used: FieldSet::default(),
            lacks: Lacks::NOTHING,
            exceptions: Default::default(),
            filled_in: None,
            host: String::new(),
            path: Vec::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.slots = [Slot::NONE; FIELDS];
        self.others.clear();
        self.is_malformed = false;
        self.holds_names = false;
        self.holds_extra = false;
        self.exceptions = Default::default();
        self.filled_in = None;
        self.lacks = Lacks::NOTHING;
    }

    #[inline]
    pub(super) fn set(&mut self, found: Found, value: Span, line: &[u8], place: Place) {
        let Name(field, rank) = found.name;
        let slot = &mut self.slots[field as usize];
        if slot.rank == 0 && !found.is_ignored {
            *slot = Slot {
                rank,
                place,
                is_ambiguous: false,
                value,
            };
        } else {
            self.add(found, value, line, place);
        }
    }

    /// One more value of a field. Few lines have any.
    #[cold]
    #[inline(never)]
    fn add(&mut self, found: Found, value: Span, line: &[u8], place: Place) {
        let Name(field, rank) = found.name;
        let slot = &mut self.slots[field as usize];
        let (known, other) = (slot.value.of(line), value.of(line));
        if is_identity(field) {
            if slot.rank > 0 && known == other {
                if !found.is_ignored && found.name.has_precedence() {
                    slot.rank = rank;
                }
            } else if self.others.len() < MAX_OTHERS {
                self.others.push(Other {
                    found,
                    place,
                    value,
                });
            } else {
                self.is_malformed = true;
            }
        } else if is_absent(other) || slot.is_ambiguous && rank >= slot.rank {
        } else if is_absent(known) || rank < slot.rank {
            *slot = Slot {
                rank,
                place,
                is_ambiguous: false,
                value,
            };
        } else if rank == slot.rank && known != other {
            slot.is_ambiguous = true;
            slot.value = Span::NONE;
        }
    }

    /// Resolves the escapes of the values, each in its place: they only ever get shorter. `times`: 2 where those of the
    /// document are there too.
    pub(super) fn unescape(&mut self, line: &mut [u8], scratch: &mut Vec<u8>, times: u8) {
        let slots = self.slots.iter_mut().map(|slot| &mut slot.value);
        let others = self.others.iter_mut().map(|other| &mut other.value);
        for value in slots.chain(others) {
            for _ in 0..times {
                let text = value.of(line);
                if json::find_backslash(text).is_none() {
                    break;
                }
                scratch.clear();
                json::unescape(text, scratch);
                let to = value.from() + scratch.len();
                line[value.from()..to].copy_from_slice(scratch);
                *value = Span::new(value.from(), to);
            }
        }
    }

    fn has_name(&self, field: Field) -> bool {
        self.slots[field as usize].rank > 0
    }

    /// Of the fields that say what was called, and by whom, those that the record is made of.
    fn choose_fields(&self, line: &[u8], reading: Reading) -> FieldSet {
        const ESSENTIAL: [Field; 4] = [Field::Method, Field::Path, Field::Host, Field::SourceIp];
        let has_templates =
            reading.sends_template_paths && TEMPLATES.into_iter().any(|field| self.has_name(field));
        if ESSENTIAL.into_iter().all(|field| self.has_name(field)) && !has_templates {
            return FieldSet::ESSENTIAL;
        }
        self.choose_other_fields(line, reading)
    }

    /// The same for a line that lacks one of those which every line should have, or has a template.
    #[cold]
    fn choose_other_fields(&self, line: &[u8], reading: Reading) -> FieldSet {
        let mut used = FieldSet::ESSENTIAL;
        let mut insert = |field| {
            if self.has_name(field) {
                used.insert(field);
            }
        };
        for (field, other) in [
            (Field::Method, Field::OtherMethod),
            (Field::Path, Field::OtherPath),
            (Field::SourceIp, Field::OtherSourceIp),
        ] {
            if !self.has_name(field) {
                insert(other);
            }
        }
        if !self.has_name(Field::Host) {
            insert(Field::OtherHost);
            insert(Field::OtherPath);
            insert(Field::ApiId);
        }
        let is_present = |field: Field| !is_absent(self.slots[field as usize].value.of(line));
        let has_method = is_present(Field::Method) || is_present(Field::OtherMethod);
        let has_path = self.has_name(Field::Path) || self.has_name(Field::OtherPath);
        if reading.sends_template_paths || !has_path {
            insert(Field::ResourcePath);
        }
        if reading.sends_template_paths || !has_method || !has_path {
            insert(Field::RouteKey);
            let needs_other = !has_method || !self.has_name(Field::ResourcePath);
            if needs_other && !self.has_name(Field::RouteKey) {
                insert(Field::OtherTemplate);
            }
        }
        used
    }

    /// Chooses the values that say what was called, and by whom, and holds all others against them.
    pub(super) fn resolve(&mut self, line: &[u8], reading: Reading) -> Result<(), Skip> {
        self.used = self.choose_fields(line, reading);
        self.is_malformed |= self.holds_extra && self.used != FieldSet::ESSENTIAL;
        if self.is_malformed || self.slots.iter().all(|slot| slot.rank == 0) {
            return Err(Skip::Malformed);
        }
        if self.others.is_empty() {
            return Ok(());
        }
        for (at, field) in self.used.fields() {
            self.exceptions[at] = match self.resolve_field(field, line) {
                // The record does without.
                Err(_) if field == Field::OtherSourceIp => {
                    self.slots[field as usize].value = Span::NONE;
                    None
                }
                exception => exception?,
            };
        }
        // The same where the gateway's own may be in a container that a caller has opened.
        let mut others = self.others.iter();
        if !self.has_name(Field::SourceIp)
            && others.any(|other| other.found.name.0 == Field::SourceIp)
        {
            self.slots[Field::OtherSourceIp as usize].value = Span::NONE;
        }
        Ok(())
    }

    /// Returns where the second of two values stands that may differ.
    fn resolve_field(&mut self, field: Field, line: &[u8]) -> Result<Option<Place>, Skip> {
        let slot = self.slots[field as usize];
        let first = Other {
            found: Found::own(Name(field, slot.rank)),
            place: slot.place,
            value: slot.value,
        };
        let is_present = |other: &&Other| !means_nothing(field, other.value.of(line));
        let all = || {
            let others = self.others.iter();
            let others = others.filter(|other| other.found.name.0 == field);
            std::iter::once(&first).chain(others).filter(is_present)
        };
        let mut own = all().filter(|other| !other.found.is_ignored);
        let Some(&any) = own.next() else {
            return Ok(None);
        };
        let mut own = std::iter::once(&any).chain(own);
        let chosen = *own
            .find(|other| {
                let route = Route::new(other.value.of(line));
                other.found.name.has_precedence()
                    || field == Field::OtherTemplate && route.method.is_some()
            })
            .unwrap_or(&any);
        let mut exception = None;
        // The gateway's own may be the absent one, before a caller's or after it.
        let mut others = self.others.iter();
        let is_absent_too = |other: &Other| {
            other.found.name.0 == field && !other.found.is_ignored && !is_present(&other)
        };
        let has_absent = slot.rank > 0 && !is_present(&&first) || others.any(is_absent_too);
        let filled_in = (has_absent && chosen.place > Place::First).then_some(field);
        let mut yielding = None;
        for other in all() {
            let value = other.value.of(line);
            if is_same(field, value, chosen.value.of(line)) {
                continue;
            }
            let may_differ = if other.found.is_ignored {
                matches!(field, Field::Method | Field::Path)
            } else {
                other.found.name.gives_way_to(chosen.found.name)
                    && is_same(field, value, yielding.get_or_insert(value))
            };
            if !may_differ {
                return Err(contradictory(field));
            }
            // Of a template's two names, a caller may have brought either.
            let own_place = if other.found.is_ignored {
                Place::First
            } else {
                chosen.place
            };
            exception = exception.max(Some(other.place.max(own_place)));
        }
        self.filled_in = filled_in.or(self.filled_in);
        self.slots[field as usize] = Slot {
            rank: chosen.found.name.1,
            place: chosen.place,
            is_ambiguous: false,
            value: chosen.value,
        };
        Ok(exception)
    }

    /// The fields that have two values which may differ, and where the second of each stands.
    pub(super) fn exceptions(&self) -> impl Iterator<Item = (Field, Place)> {
        let exceptions = IDENTITY.into_iter().zip(self.exceptions);
        exceptions.filter_map(|(field, place)| Some((field, place?)))
    }

    /// Whether other lines have to tell of more than the names of this one.
    pub(super) fn has_exceptions(&self) -> bool {
        !self.others.is_empty()
            && (self.filled_in.is_some() || self.exceptions != [None; IDENTITY.len()])
    }

    pub(super) fn filled_in(&self) -> Option<Field> {
        self.filled_in
    }

    /// Whether a caller may have brought what says what was called, or by whom, so that other lines have to tell.
    pub(super) fn is_doubtful(&self) -> bool {
        let is_late = |(_, field)| self.slots[field as usize].place == Place::AfterCaller;
        self.used.fields().any(is_late) || self.exceptions.contains(&Some(Place::AfterCaller))
    }

    /// The fields whose value stands after one that a caller controls, so that a caller may have brought it.
    pub(super) fn late(&self) -> impl Iterator<Item = Field> + Clone {
        let is_late = |field: &Field| match self.slots[*field as usize].place {
            Place::First => false,
            // Whoever wrote the path may choose it.
            Place::AfterPath => *field != Field::Path,
            Place::AfterCaller => true,
        };
        self.used.fields().map(|(_, field)| field).filter(is_late)
    }

    /// Whether the line may be a record. What else it lacks it lacks whatever other lines tell.
    pub(super) fn is_complete(&self) -> bool {
        let has_any = |fields: &[Field]| fields.iter().any(|field| self.has_name(*field));
        let templates = [Field::RouteKey, Field::OtherTemplate];
        (has_any(&[Field::Method, Field::OtherMethod]) || has_any(&templates))
            && (has_any(&[Field::Path, Field::OtherPath, Field::ResourcePath])
                || has_any(&templates))
    }

    /// Which of the fields that say what was called, or by whom, the record is made of.
    pub(super) fn has(&self) -> FieldSet {
        let mut has = FieldSet::default();
        for (_, field) in self
            .used
            .fields()
            .filter(|(_, field)| self.has_name(*field))
        {
            has.insert(field);
        }
        has
    }

    /// The path, the stage and the status of a line whose format has no other name for a template: whether the path is
    /// one is for the document's other lines to tell.
    pub(super) fn path_alone<'a>(&self, line: &'a [u8]) -> Option<[&'a [u8]; 3]> {
        let [path, stage, status] =
            [Field::Path, Field::Stage, Field::Status].map(|field| self.slots[field as usize]);
        let is_alone = path.rank > 0 && !TEMPLATES.into_iter().any(|field| self.has_name(field));
        is_alone.then(|| [path, stage, status].map(|slot| slot.value.of(line)))
    }

    /// Makes the record of a line. `paths_are_templates`: the document's other lines tell that.
    pub(super) fn record<'a>(
        &'a mut self,
        line: &'a [u8],
        reading: Reading,
        origin: Origin<'a>,
        paths_are_templates: bool,
    ) -> Result<AccessRecord<'a>, Skip> {
        let is_plain = self.used == FieldSet::ESSENTIAL
            && !paths_are_templates
            && [Field::Method, Field::Path, Field::Host]
                .into_iter()
                .all(|field| self.has_name(field))
            && {
                let path = self.slots[Field::Path as usize].value.of(line);
                path.first() == Some(&b'/') || is_absent(path)
            };
        if !is_plain {
            return self.record_assembled(line, reading, origin, paths_are_templates);
        }
        let slots = &self.slots;
        let (method, path) = (
            get(slots, line, Field::Method),
            get(slots, line, Field::Path),
        );
        if slots[Field::WebSocket as usize].rank > 0 && (method.is_none() || path.is_none()) {
            return Err(Skip::WebSocket);
        }
        let host = get(slots, line, Field::Host).ok_or(Skip::NoHost)?;
        let host = Host::new(host).ok_or(Skip::InvalidHost)?;
        let template = if reading.reads_templates {
            self.template_beside(line)
        } else {
            None
        };
        let call = Call {
            host: host.normal(&mut self.host).ok_or(Skip::InvalidHost)?,
            host_source: HostSource::Line,
            path: path.ok_or(Skip::NoPath)?,
            has_template: false,
            template,
            method: valid_method(method.ok_or(Skip::NoMethod)?).ok_or(Skip::InvalidMethod)?,
        };
        Ok(record_of(slots, line, &call))
    }

    /// The template that stands beside the path, where it is certain: the record does without.
    #[cold]
    fn template_beside<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        let field = TEMPLATES.into_iter().find(|field| self.has_name(*field))?;
        let Slot { place, value, .. } = self.slots[field as usize];
        let others = self
            .others
            .iter()
            .filter(|other| other.found.name.0 == field);
        let others = others.map(|other| (other.place, other.value));
        let templates = std::iter::once((place, value)).chain(others);
        let mut templates = templates
            .filter_map(|(place, value)| Some((place, Route::new(value.of(line)).template?)));
        let (place, template) = templates.next()?;
        let is_certain =
            place != Place::AfterCaller && templates.all(|(_, other)| other == template);
        Some(template).filter(|_| is_certain && !self.holds_extra)
    }

    /// The same for a line that is not of the documented kind.
    #[cold]
    fn record_assembled<'a>(
        &'a mut self,
        line: &'a [u8],
        reading: Reading,
        origin: Origin<'a>,
        paths_are_templates: bool,
    ) -> Result<AccessRecord<'a>, Skip> {
        let assembled = self.assemble(line, reading, origin, paths_are_templates)?;
        let Self {
            slots,
            host: host_buffer,
            path: path_buffer,
            ..
        } = self;
        let (host, host_source) = match assembled.host {
            Source::Line(host) => {
                let host = Host::new(host).ok_or(Skip::InvalidHost)?;
                let host = host.normal(host_buffer).ok_or(Skip::InvalidHost)?;
                (host, HostSource::Line)
            }
            Source::ApiId => (&host_buffer[..], HostSource::ApiId),
            Source::Default(host) => (host, HostSource::Default),
        };
        let path = match assembled.path {
            Path::Logged(path) => path,
            Path::WithoutSlash(path) => {
                path_buffer.clear();
                path_buffer.push(b'/');
                path_buffer.extend_from_slice(path);
                path_buffer
            }
            Path::Filled => path_buffer,
        };
        let call = Call {
            method: valid_method(assembled.method).ok_or(Skip::InvalidMethod)?,
            path,
            has_template: assembled.has_template,
            template: assembled.template,
            host,
            host_source,
        };
        Ok(record_of(slots, line, &call))
    }

    /// Puts together what was called, of a line that is not of the documented kind.
    #[cold]
    fn assemble<'a>(
        &mut self,
        line: &'a [u8],
        reading: Reading,
        origin: Origin<'a>,
        paths_are_templates: bool,
    ) -> Result<Assembled<'a>, Skip> {
        let slots = &self.slots;
        let has_name = |field: Field| slots[field as usize].rank > 0;
        let get = |field| get(slots, line, field);
        // Another one may have two values.
        let used = self.used;
        let get_used = |field| get(field).filter(|_| used.contains(field));
        let resource = get(Field::ResourcePath);
        let key = get(Field::RouteKey).or_else(|| get_used(Field::OtherTemplate));
        let [resource_route, route] =
            [resource, key].map(|key| key.map(Route::new).unwrap_or_default());
        let mut template = resource_route.template.or(route.template);
        if let (Some(one), Some(other)) = (resource_route.template, route.template)
            && one != other
            && reading.sends_template_paths
        {
            return Err(Skip::ContradictoryTemplate);
        }
        let mut names_template =
            has_name(Field::ResourcePath) || has_name(Field::RouteKey) || template.is_some();
        let method = get(Field::Method).or_else(|| get_used(Field::OtherMethod));
        let mut method = method.or(route.method).or(resource_route.method);
        let url = get_used(Field::OtherPath).and_then(Url::new);
        let mut path = if has_name(Field::Path) {
            get(Field::Path)
        } else {
            url.map(|url| url.path)
        };
        let mut takes_any = [resource, key].contains(&Some(b"$default"));
        // A path without a slash may be a route's key.
        if let Some(key) = path.filter(|path| path[0] != b'/') {
            let own = Route::new(key);
            if own.template.is_some() || key == b"$default" {
                path = None;
                names_template = true;
                takes_any |= own.template.is_none();
                method = method.or(own.method);
                template = template.or(own.template);
            }
        }
        let names_nothing = method.is_none() && path.is_none() && template.is_none();
        let is_websockets = |key: &[u8]| !key.contains(&b'/') && key != b"$default";
        if has_name(Field::WebSocket) && (method.is_none() || path.is_none() && template.is_none())
            || names_nothing && get(Field::RouteKey).is_some_and(is_websockets)
        {
            return Err(Skip::WebSocket);
        }
        if paths_are_templates && path.is_some_and(has_braces) {
            template = path.take();
            names_template = true;
        }

        let status = slots[Field::Status as usize].value.of(line);
        let has_status = has_name(Field::Status) && (is_absent(status) || number(status).is_some());
        let is_call = has_status && (has_name(Field::RequestId) || template.is_some());
        let host = if has_name(Field::Host) {
            get(Field::Host).map(Source::Line)
        } else {
            // That of a URL beside a path may be another one.
            let url = url.filter(|_| !has_name(Field::Path));
            let logged = get_used(Field::OtherHost).or_else(|| url.and_then(|url| url.host));
            let logged = logged.filter(|host| !means_nothing(Field::OtherHost, host));
            let api_id = get_used(Field::ApiId)
                .zip(origin.region)
                .filter(|_| is_call);
            let buffer = &mut self.host;
            let by_id = |(id, region)| push_own_domain(buffer, id, region).then_some(Source::ApiId);
            let default = origin.default_host.filter(|_| is_call);
            logged
                .map(Source::Line)
                .or_else(|| api_id.and_then(by_id))
                .or_else(|| default.map(Source::Default))
        };

        // A caller may have opened a container around what only seems to be absent.
        let others = &self.others;
        let is_hidden = |field: Field| {
            !has_name(field) && others.iter().any(|other| other.found.name.0 == field)
        };
        let is_useful = template.is_some_and(names_endpoint);
        if host.is_none() || method.is_none() || path.is_none() {
            if !self.is_access_log(line, has_status, names_template) {
                return Err(Skip::Unrelated);
            }
            let lacks = &mut self.lacks;
            if host.is_none() && !has_name(Field::Host) && !is_hidden(Field::Host) {
                lacks.add(Lacks::HOST);
                if is_call && origin.default_host.is_none() {
                    lacks.add(Lacks::HOST_BUT_DEFAULT);
                }
            }
            let lacks_path = if reading.sends_template_paths {
                !names_template || takes_any || template.is_some() && !is_useful
            } else {
                !has_name(Field::Path) || names_template
            };
            if path.is_none() && lacks_path && !is_hidden(Field::Path) {
                lacks.add(Lacks::PATH);
            }
            if path.is_none() && is_useful && !reading.sends_template_paths {
                lacks.add(Lacks::PATH_BUT_TEMPLATE);
            }
            if method.is_none() && !has_name(Field::Method) && !is_hidden(Field::Method) {
                lacks.add(Lacks::METHOD);
            }
        }
        let host = host.ok_or(Skip::NoHost)?;
        let made_up = [
            (Field::Host, true),
            (Field::Method, method.is_some()),
            (Field::Path, path.is_some()),
        ];
        for (field, is_made_up) in made_up {
            if is_made_up && is_hidden(field) {
                return Err(contradictory(field));
            }
        }
        let (path, has_template) = match (template, path) {
            (Some(template), path) if reading.sends_template_paths => {
                let target = Target {
                    path: path.filter(|path| path[0] == b'/'),
                    stage: get(Field::Stage),
                    is_own_domain: host.is_own_domain(),
                };
                if !fill(&mut self.path, template, target) {
                    return Err(Skip::TemplateOnly);
                }
                (Path::Filled, true)
            }
            // A template that is none may stand for a route: the path is not to be sent.
            (None, Some(_))
                if reading.sends_template_paths
                    && !takes_any
                    && (resource.is_some() || key.is_some()) =>
            {
                return Err(Skip::TemplateOnly);
            }
            (_, Some(path)) => (Path::of(path)?, false),
            (Some(_), None) => return Err(Skip::TemplateOnly),
            (None, None) if names_template => return Err(Skip::TemplateOnly),
            (None, None) => return Err(Skip::NoPath),
        };
        Ok(Assembled {
            method: method.ok_or(Skip::NoMethod)?,
            path,
            has_template,
            template: template.filter(|_| reading.reads_templates),
            host,
        })
    }

    /// Whether a line that lacks something is an access log's at all, or an application's own.
    fn is_access_log(&self, line: &[u8], has_status: bool, names_template: bool) -> bool {
        use Field as F;
        let has_any = |fields: &[Field]| fields.iter().any(|field| self.has_name(*field));
        let names_endpoint = has_any(&[F::Path, F::OtherPath]) || names_template;
        let host = get(&self.slots, line, F::Host).and_then(Host::new);
        let others = [
            F::Protocol,
            F::Stage,
            F::ResponseLength,
            F::ResponseLatency,
            F::IntegrationLatency,
            F::IntegrationStatus,
            F::SourceIp,
            F::UserAgent,
            F::Host,
            F::RequestId,
        ];
        let named = others
            .into_iter()
            .filter(|field| self.has_name(*field))
            .count()
            + usize::from(has_status)
            + usize::from(names_endpoint)
            + usize::from(has_any(&[F::Method, F::OtherMethod]));
        // Names that nothing else has.
        let is_gateways = |field: Field| self.slots[field as usize].rank / 2 == 1;
        let is_gateways = [F::Method, F::Host].into_iter().any(is_gateways)
            || has_any(&[F::ResourcePath, F::RouteKey, F::ApiId]);
        named >= 3
            || named >= 2 && is_gateways
            || self.has_name(F::RequestId) && names_endpoint
            || host.is_some_and(Host::is_domain)
    }
}

/// The value of a field, where there is one.
#[inline]
fn get<'a>(slots: &[Slot; FIELDS], line: &'a [u8], field: Field) -> Option<&'a [u8]> {
    let value = slots[field as usize].value.of(line);
    Some(value).filter(|value| !is_absent(value))
}

/// What was called, as it goes into a record.
struct Call<'a> {
    method: &'a str,
    path: &'a [u8],
    has_template: bool,
    template: Option<&'a [u8]>,
    host: &'a str,
    host_source: HostSource,
}

/// The record of a call, with what else its line says.
fn record_of<'a>(slots: &[Slot; FIELDS], line: &'a [u8], call: &Call<'a>) -> AccessRecord<'a> {
    let get = |field| get(slots, line, field);
    let number = |field| get(field).and_then(number);
    let status = |field| number(field).and_then(|n| u16::try_from(n).ok());
    let source_ip = if slots[Field::SourceIp as usize].rank > 0 {
        Field::SourceIp
    } else {
        Field::OtherSourceIp
    };
    AccessRecord {
        method: call.method,
        path: call.path,
        has_template: call.has_template,
        template: call.template,
        host: call.host,
        host_source: call.host_source,
        request_id: get(Field::RequestId),
        protocol: get(Field::Protocol),
        stage: get(Field::Stage),
        error_message: get(Field::ErrorMessage).map(|text| {
            // `$context.error.messageString` has quotes of its own.
            let inside = text
                .strip_prefix(b"\"")
                .and_then(|text| text.strip_suffix(b"\""));
            inside.unwrap_or(text)
        }),
        user_agent: get(Field::UserAgent).map(|text| &text[..text.len().min(MAX_USER_AGENT)]),
        source_ip: get(source_ip)
            .and_then(|text| str::from_utf8(text).ok())
            .filter(|text| text.parse::<IpAddr>().is_ok()),
        status: status(Field::Status),
        response_length: number(Field::ResponseLength),
        response_latency: number(Field::ResponseLatency),
        integration_latency: number(Field::IntegrationLatency),
        integration_status: status(Field::IntegrationStatus),
        request_time_epoch: match get(Field::RequestTimeEpoch) {
            Some(epoch) => milliseconds(epoch),
            // Other numbers are no time: API Gateway is younger than 2001.
            None => get(Field::OtherEpoch)
                .and_then(milliseconds)
                .filter(|time| *time >= 1_000_000_000_000),
        },
    }
}

/// What was called, by the parts that it is put together from.
#[derive(Debug, Clone, Copy)]
struct Assembled<'a> {
    method: &'a [u8],
    path: Path<'a>,
    has_template: bool,
    template: Option<&'a [u8]>,
    host: Source<'a>,
}

/// Where the host is.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Line(&'a [u8]),
    /// In the buffer.
    ApiId,
    Default(&'a str),
}

impl Source<'_> {
    fn is_own_domain(self) -> bool {
        match self {
            Self::Line(host) => {
                str::from_utf8(host).is_ok_and(|host| is_own_domain(&host.to_ascii_lowercase()))
            }
            Self::ApiId => true,
            Self::Default(host) => is_own_domain(host),
        }
    }
}

/// Where the path is.
#[derive(Debug, Clone, Copy)]
enum Path<'a> {
    Logged(&'a [u8]),
    WithoutSlash(&'a [u8]),
    /// In the buffer.
    Filled,
}

impl<'a> Path<'a> {
    /// A path as it was logged: as it should be, without its slash, or as a URL.
    fn of(path: &'a [u8]) -> Result<Self, Skip> {
        if path.first() == Some(&b'/') {
            return Ok(Self::Logged(path));
        }
        match Url::new(path) {
            Some(url) => Ok(Self::Logged(url.path)),
            None if path == b"*" || path.windows(3).any(|part| part == b"://") => {
                Err(Skip::InvalidPath)
            }
            None => Ok(Self::WithoutSlash(path)),
        }
    }
}

/// A URL, or a path alone.
#[derive(Debug, Clone, Copy)]
struct Url<'a> {
    host: Option<&'a [u8]>,
    path: &'a [u8],
}

impl<'a> Url<'a> {
    fn new(text: &'a [u8]) -> Option<Self> {
        if text.first() == Some(&b'/') {
            return Some(Self {
                host: None,
                path: text,
            });
        }
        let mut schemes = [&b"https://"[..], b"http://"].into_iter();
        let rest = schemes.find_map(|scheme| text.strip_prefix(scheme))?;
        let end = rest.iter().position(|byte| *byte == b'/');
        let (host, path) = rest.split_at(end.unwrap_or(rest.len()));
        Some(Self {
            host: Some(host),
            path: if path.is_empty() { b"/" } else { path },
        })
    }
}

/// Whether a value is none of its field.
fn means_nothing(field: Field, value: &[u8]) -> bool {
    match field {
        Field::OtherPath => Url::new(value).is_none(),
        Field::OtherHost => !Host::new(value).is_some_and(Host::is_domain),
        Field::OtherSourceIp => address(value).is_none(),
        Field::OtherTemplate => Route::new(value).template.is_none(),
        _ => is_absent(value),
    }
}

/// Whether two values of a field mean the same.
fn is_same(field: Field, one: &[u8], other: &[u8]) -> bool {
    if one == other {
        return true;
    }
    match field {
        Field::Host | Field::OtherHost => match (Host::new(one), Host::new(other)) {
            (Some(one), Some(other)) => one.is(other),
            _ => false,
        },
        Field::SourceIp | Field::OtherSourceIp => match (address(one), address(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        },
        Field::OtherPath => match (Url::new(one), Url::new(other)) {
            (Some(one), Some(other)) => {
                one.path == other.path && (one.host.is_none() || other.host.is_none())
            }
            _ => false,
        },
        Field::OtherTemplate | Field::ResourcePath | Field::RouteKey => {
            let (one, other) = (Route::new(one), Route::new(other));
            one.template == other.template && (one.method.is_none() || other.method.is_none())
        }
        _ => false,
    }
}

pub(super) fn contradictory(field: Field) -> Skip {
    match field {
        Field::Method | Field::OtherMethod => Skip::ContradictoryMethod,
        Field::Path | Field::OtherPath => Skip::ContradictoryPath,
        Field::Host | Field::OtherHost => Skip::ContradictoryHost,
        Field::SourceIp | Field::OtherSourceIp => Skip::ContradictorySourceIp,
        Field::ResourcePath | Field::RouteKey | Field::OtherTemplate => Skip::ContradictoryTemplate,
        Field::ApiId => Skip::ContradictoryApiId,
        _ => Skip::Malformed,
    }
}
