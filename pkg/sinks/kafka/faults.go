package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"github.com/segmentio/kafka-go"

	"github.com/shiplog/shiplog/pkg/fault"
)

// classify gives an error its kind and a reason.
func classify(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok || err == nil {
		return err
	}
	if code, ok := errors.AsType[kafka.Error](err); ok {
		return fault.New(kindOf(code), status(code), err)
	}
	switch {
	case isTLS(err):
		return fault.New(fault.Credentials, "tls", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Retry, "timeout", err)
	case errors.Is(err, context.Canceled):
		return fault.New(fault.Retry, "canceled", err)
	default:
		return fault.New(fault.Retry, "connection", err)
	}
}

// kindOf says what an error code of the protocol asks for.
func kindOf(code kafka.Error) fault.Kind {
	switch code { //nolint:exhaustive // what is not listed is worth another try
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge:
		return fault.TooLarge
	case kafka.InvalidRecord, kafka.InvalidTimestamp:
		return fault.Refused
	case kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState:
		return fault.Credentials
	case kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed,
		kafka.TransactionalIDAuthorizationFailed, kafka.InvalidTopic, kafka.PolicyViolation,
		kafka.UnsupportedVersion, kafka.UnsupportedForMessageFormat, kafka.UnsupportedCompressionType,
		kafka.InvalidTransactionTimeout, kafka.InvalidGroupId:
		return fault.Setup
	default:
		return fault.Retry
	}
}

// status is an error code's name as a metric label.
func status(code kafka.Error) string {
	title := code.Title()
	if title == "" {
		return "unknown_code"
	}
	return strings.ReplaceAll(strings.ToLower(title), " ", "_")
}

// statusOf names the outcome of a request for the metrics.
func statusOf(err error) string {
	if err == nil {
		return "ok"
	}
	return fault.ReasonOf(classify(err))
}

// isTLS says whether it is certificates that keep us apart.
func isTLS(err error) bool {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
		alert    tls.AlertError
	)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return true // an alert: the other side did not like our certificate, or our lack of one
	}
	return errors.As(err, &unknown) || errors.As(err, &hostname) || errors.As(err, &invalid) ||
		errors.As(err, &verify) || errors.As(err, &alert)
}
