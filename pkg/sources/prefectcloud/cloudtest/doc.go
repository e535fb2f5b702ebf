// Package cloudtest is an imitation of Prefect Cloud's events API for tests: as
// strict as the service where a client's mistake would lose events (unknown
// keys, page size, length of a window, offset ceiling), and as hostile as a test
// wants: events that come late, pages that fail midway, cursors that repeat,
// answers that stall, websockets that fall silent. Without an account it is a
// self-hosted server.
//
// Sources: Prefect Cloud's OpenAPI document, https://docs.prefect.io/v3/concepts/rate-limits,
// and src/prefect/server/api/events.py and .../utilities/subscriptions.py in
// github.com/PrefectHQ/prefect.
package cloudtest
