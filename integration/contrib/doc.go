// Package contrib proves what contrib/ ships with the tools of those it is for:
// promtool, pySigma with its backends, Splunk AppInspect. Its tests have the tag
// "integration". They install what they need: a virtual environment for Python in
// the user's cache directory (or SHIPLOG_INTEGRATION_CACHE), promtool from the
// system's package prometheus. What cannot be had fails a test.
package contrib
