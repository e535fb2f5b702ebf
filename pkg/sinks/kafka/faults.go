package kafka

import (
	"errors"
	"strings"

	"github.com/segmentio/kafka-go"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/transport"
)

// classify gives an error its kind and a reason.
func classify(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok || err == nil {
		return err
	}
	if code, ok := errors.AsType[kafka.Error](err); ok {
		return fault.New(kindOf(code), status(code), err)
	}
	return transport.Classify(err)
}

// kindOf says what an error code of the protocol asks for.
func kindOf(code kafka.Error) fault.Kind {
	switch code {
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
