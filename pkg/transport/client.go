package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/fault"
)

// Waits that belong to a connection. How long a whole request may take is its
// context's matter.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
	pingAfter        = 15 * time.Second // of silence on an HTTP/2 connection
	maxRedirects     = 5
)

// Options are what an HTTP client is made of.
type Options struct {
	TLS config.TLS

	// UserAgent is sent with requests that have none of their own.
	UserAgent string

	// Connections is how many idle connections to one host are kept: as many as
	// there are requests at once. 0: 4.
	Connections int

	// HeaderTimeout is how long a server may think before it begins to answer.
	// 0: as long as the request's context allows.
	HeaderTimeout time.Duration
}

// HTTPClient makes a client. It goes through the proxy that HTTPS_PROXY,
// HTTP_PROXY and NO_PROXY name, speaks HTTP/2 where the server does, and
// follows redirects only on the same host, only where the request stays what it
// was. It takes up a changed CA file and client certificate without a restart.
// It has no overall timeout, so that it is also good for websockets.
func HTTPClient(o Options) (*http.Client, error) {
	rt := &roundTripper{options: o}
	if err := rt.renew(); err != nil {
		return nil, err
	}
	return &http.Client{Transport: rt, CheckRedirect: checkRedirect}, nil
}

// roundTripper adds the user agent, and replaces its transport when the CA file
// has changed.
type roundTripper struct {
	options Options

	mu    sync.Mutex // guards what follows
	inner *http.Transport
	ca    os.FileInfo // of the CA file when inner was made; nil: there is none
}

// RoundTrip implements http.RoundTripper.
func (r *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.options.UserAgent != "" && req.Header.Get("User-Agent") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", r.options.UserAgent)
	}
	res, err := r.current().RoundTrip(req)
	if errors.Is(err, net.ErrClosed) && req.Body == nil && req.Context().Err() == nil {
		// The server hung up before the request was sent, as one does that misses
		// a client certificate in TLS 1.3. Once more: the next try mostly hears why.
		return r.current().RoundTrip(req)
	}
	return res, err
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (r *roundTripper) CloseIdleConnections() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inner.CloseIdleConnections()
}

// current gives the transport, a new one when the CA file has changed. While
// the file cannot be used, as in the middle of a rotation, the old one stays.
func (r *roundTripper) current() *http.Transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ca == nil {
		return r.inner
	}
	info, err := os.Stat(r.options.TLS.CAFile)
	if err != nil || config.Unchanged(info, r.ca) {
		return r.inner
	}
	old := r.inner
	if r.build() == nil {
		old.CloseIdleConnections()
	}
	return r.inner
}

func (r *roundTripper) renew() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.build()
}

// build makes the transport; mu is held.
func (r *roundTripper) build() error {
	var info os.FileInfo
	if r.options.TLS.CAFile != "" {
		var err error
		if info, err = os.Stat(r.options.TLS.CAFile); err != nil {
			return fmt.Errorf("tls.ca_file: %w", err)
		}
	}
	conf, err := TLSConfig(r.options.TLS)
	if err != nil {
		return err
	}
	r.inner, r.ca = newTransport(r.options, conf), info
	return nil
}

func newTransport(o Options, conf *tls.Config) *http.Transport {
	connections := o.Connections
	if connections == 0 {
		connections = 4
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       conf,
		TLSHandshakeTimeout:   handshakeTimeout,
		ResponseHeaderTimeout: o.HeaderTimeout,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   connections,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
	}
}

// checkRedirect refuses what would carry credentials or events elsewhere, and
// what would turn a POST into a GET that succeeds and delivers nothing.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	target := cleanURL(req.URL)
	refuse := func(why string) error {
		return fault.New(fault.Setup, "redirect", fmt.Errorf("redirected to %s, %s; if that is right, put this address into the config", target, why))
	}
	switch {
	case len(via) > maxRedirects:
		return refuse("after too many redirects")
	case req.URL.Host != first.URL.Host:
		return refuse("which is another host")
	case first.URL.Scheme == "https" && req.URL.Scheme != "https":
		return refuse("which is not encrypted")
	case req.Method != first.Method:
		return refuse("which would lose the request's content")
	}
	return nil
}

// cleanURL is a URL without user, password and query, which may hold secrets.
func cleanURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return bare.String()
}

// ended tells whether an error is our own giving up rather than the network's
// fault.
func ended(err error) bool { return errors.Is(err, context.Canceled) }
