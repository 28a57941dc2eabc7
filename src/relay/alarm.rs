//! Everything that time alone brings about in a tunnel, behind one coarse timer: it is re-armed when
//! it fires, never for a message.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::Running;
use super::application::Beats;
use super::flow::Flow;
use super::pulse::Verdict;
use crate::life::{By, Cause, End, Timer};

impl Running {
    pub(super) fn poll_alarm(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<End> {
        // A close begun just now, a pause or a stall ends sooner than what the alarm was armed for.
        let sooner = self.cut_at.is_some() || self.up.paused.is_some() || self.is_stalled();
        if sooner && self.next_look(now) < self.alarm.deadline() {
            self.rearm(now);
        }
        if self.alarm_set && now < self.alarm.deadline() {
            return Poll::Pending;
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if let Some(end) = self.look(now) {
                return Poll::Ready(end);
            }
            self.rearm(now);
            // What a look has put in is written at the next poll.
            cx.waker().wake_by_ref();
        }
        self.alarm_set = true;
        Poll::Pending
    }

    pub(super) fn rearm(&mut self, now: Instant) {
        let next = self.next_look(now);
        self.alarm.as_mut().reset(next);
        self.alarm_set = false;
    }

    /// Everything that time alone brings about.
    fn look(&mut self, now: Instant) -> Option<End> {
        if let Some(cut_at) = self.cut_at {
            if self.hurry_at.take_if(|at| now >= *at).is_some() {
                self.down.hurry();
            }
            let over = now >= cut_at;
            return over.then(|| self.ended_or(By::Gateway, Cause::Timer(Timer::Close)));
        }
        self.look_at_the_unread(now);
        self.look_at_pulses(now);
        if self.cut_at.is_none() {
            self.look_at_limits(now);
        }
        None
    }

    /// A side that is not read for the other's sake may be gone: nobody else would notice.
    fn look_at_the_unread(&mut self, now: Instant) {
        if let Some(error) = self.up.stalled.and_then(|_| self.client.take_error()) {
            self.lost(By::Client, &error, now);
        }
        if let Some(error) = self.down.stalled.and_then(|_| self.backend.take_error()) {
            self.lost(By::Backend, &error, now);
        }
    }

    fn look_at_pulses(&mut self, now: Instant) {
        // While a side is not being read for the other's sake, its silence is ours.
        self.up.excuse(now);
        self.down.excuse(now);
        self.down.answered(self.up.heard);
        self.up.answered(self.down.heard);
        match self.client_pulse().look(now, &self.up.heard, self.down.pinged()) {
            Verdict::Alive => {}
            Verdict::Ping => self.ping(By::Client),
            Verdict::Dead => return self.silent(By::Client, now),
        }
        match self.backend_pulse().look(now, &self.down.heard, self.up.pinged()) {
            Verdict::Alive => {}
            Verdict::Ping => self.ping(By::Backend),
            Verdict::Dead => self.silent(By::Backend, now),
        }
    }

    /// Notes how long a side took to answer a ping of the gateway's.
    pub(super) fn answered(&mut self, now: Instant) {
        let metrics = &self.books.metrics;
        let (client, backend) = (&metrics.client_round_trips, &metrics.backend_round_trips);
        let (to_client, to_backend) = (self.down.pinged(), self.up.pinged());
        let sides = [
            (&mut self.up.ponged, to_client, &self.live.up, client),
            (&mut self.down.ponged, to_backend, &self.live.down, backend),
        ];
        for (ponged, pinged, meter, all) in sides {
            // With another ping on its way nobody knows which of the two was answered.
            let sent = pinged.last.filter(|_| std::mem::take(ponged) && !pinged.waiting);
            if let Some(sent) = sent {
                let took = now.saturating_duration_since(sent);
                meter.answered(took);
                all.observe_wait(took);
            }
        }
    }

    fn look_at_limits(&mut self, now: Instant) {
        let limits = &self.rules.route.limits;
        let stalled = |flow: &Flow| flow.stalled.zip(limits.stalled_writer).map(|(a, b)| a + b);
        let (client, backend) = (stalled(&self.down), stalled(&self.up));
        let past = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if past(client) {
            return self.stalled(By::Client, now);
        }
        if past(backend) {
            return self.stalled(By::Backend, now);
        }
        if past(self.idle_until()) {
            return self.idle(now);
        }
        let max_age = self.rules.route.heartbeat.max_age.map(|age| self.born + age);
        if past(max_age) {
            return self.grown_old(now);
        }
        if let Some(order) = self.order.take_if(|it| now >= it.at) {
            return self.let_go(&order.farewell, now);
        }
        if past(self.ask_at(now)) {
            self.up.beats.ask();
        }
    }

    /// When time alone next brings something about. Never earlier than a tick from now, so that
    /// no mistake here can spin.
    pub(super) fn next_look(&self, now: Instant) -> Instant {
        if let Some(cut_at) = self.cut_at {
            return self.hurry_at.map_or(cut_at, |at| at.min(cut_at)).max(now);
        }
        let stall = self.rules.route.limits.stalled_writer;
        let wanted = [
            self.client_pulse().due(now, &self.up.heard, self.down.pinged()),
            self.backend_pulse().due(now, &self.down.heard, self.up.pinged()),
            self.idle_until(),
            self.rules.route.heartbeat.max_age.map(|age| self.born + age),
            self.order.as_ref().map(|it| it.at),
            self.up.paused,
            self.ask_at(now),
            self.down.stalled.zip(stall).map(|(since, limit)| since + limit),
            self.up.stalled.zip(stall).map(|(since, limit)| since + limit),
            // A writer that stalls after this look is found by the next one.
            stall.map(|limit| now + limit),
            self.is_stalled().then(|| now + UNREAD),
        ];
        let wanted = wanted.into_iter().flatten().min();
        wanted.unwrap_or(now + LOOK_LONGEST).clamp(now + TICK, now + LOOK_LONGEST)
    }

    fn is_stalled(&self) -> bool {
        self.up.stalled.is_some() || self.down.stalled.is_some()
    }

    /// When the backend is asked in the place of a client that is answered here.
    fn ask_at(&self, now: Instant) -> Option<Instant> {
        let every = Beats::ping_every(&self.rules.route.heartbeat)?;
        // While one waits for its place there is nothing to ask: look again a period later.
        let latest = if self.up.beats.is_waiting() { now } else { self.up.passed };
        Some(latest + every)
    }

    fn idle_until(&self) -> Option<Instant> {
        let limit = self.rules.route.heartbeat.idle_timeout?;
        Some(self.up.data.max(self.down.data) + limit)
    }
}

/// Coarseness of the timer: heartbeats are a matter of seconds.
const TICK: Duration = Duration::from_millis(10);

/// How often a side that is not read is asked whether its connection broke.
const UNREAD: Duration = Duration::from_secs(1);

/// A look every hour at the latest, when nothing else asks for one.
const LOOK_LONGEST: Duration = Duration::from_secs(3600);
