// Package page proves the agent's page in a real Chromium: what it shows, that
// the keyboard is enough, that nothing leaves for elsewhere, and that what events
// hold is never run.
package page
