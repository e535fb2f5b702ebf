// Package prefectcloud reads the events API of Prefect Cloud, or of a Prefect
// server: every audit event, once.
//
// HTTP is the truth. Each feed (the account, or each workspace, or the server)
// has a watermark up to which everything was read; a poll reads from a little
// before it to now, in ascending order, and moves it page by page, never past a
// page that was not stored. Events can arrive late, so past windows are read
// again, by default an hour and a day later (a sweep). What comes twice is
// recognised by id, by the pipeline. The distance to a first run's start, or to
// the last run's end where that is long ago, is read apart from that
// (a backfill), in windows that do not overlap, so that it needs no such memory.
//
// A websocket beside it brings events sooner. It moves no watermark, because it
// loses events without notice.
//
// Facts about the API: https://docs.prefect.io/v3/concepts/events,
// https://docs.prefect.io/v3/concepts/rate-limits, Prefect Cloud's OpenAPI
// document, and github.com/PrefectHQ/prefect under src/prefect/server/events.
package prefectcloud
