package transport

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"

	"github.com/shiplog/shiplog/pkg/config"
)

// TLSConfig makes a client's TLS configuration. The client certificate is read
// again when its files have changed, at the next handshake; the CA file is read
// once (HTTPClient looks after a changed one).
func TLSConfig(t config.TLS) (*tls.Config, error) {
	conf := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, // #nosec G402 -- the user's explicit choice, with a warning
	}
	switch t.MinVersion {
	case "", "1.2":
	case "1.3":
		conf.MinVersion = tls.VersionTLS13
	default:
		return nil, fmt.Errorf("tls.min_version: %q is neither 1.2 nor 1.3", t.MinVersion)
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %s holds no certificate in PEM form", t.CAFile)
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		own := &ownCertificate{certFile: t.CertFile, keyFile: t.KeyFile}
		if _, err := own.get(nil); err != nil {
			return nil, err
		}
		conf.GetClientCertificate = own.get
	}
	return conf, nil
}

// ownCertificate is our certificate, as its files have it now.
type ownCertificate struct {
	certFile, keyFile string

	mu        sync.Mutex // guards what follows
	cert      *tls.Certificate
	certs, ks os.FileInfo // of the files when cert was read
}

// get reads the certificate when its files have changed. While they do not fit
// together, as in the middle of a rotation, the last one stands.
func (o *ownCertificate) get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	certs, err := os.Stat(o.certFile)
	if err != nil {
		return o.orLast("cert_file", err)
	}
	ks, err := os.Stat(o.keyFile)
	if err != nil {
		return o.orLast("key_file", err)
	}
	if o.cert != nil && config.Unchanged(certs, o.certs) && config.Unchanged(ks, o.ks) {
		return o.cert, nil
	}
	cert, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
	if err != nil {
		return o.orLast("cert_file", err)
	}
	o.cert, o.certs, o.ks = &cert, certs, ks
	return o.cert, nil
}

func (o *ownCertificate) orLast(field string, err error) (*tls.Certificate, error) {
	if o.cert != nil {
		return o.cert, nil
	}
	return nil, fmt.Errorf("tls.%s: %w", field, err)
}
