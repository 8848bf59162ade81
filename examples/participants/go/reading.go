package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/encoding/protowire"
)

// The fields that this program needs of a command; the writer's schema may have more. A field that is absent is nil.
type command struct {
	OrderID    *string
	TotalCents *int64 // of ChargePayment alone
}

// The numbers of these fields in Protobuf, in both commands: the owner's .proto files have them, and a number never gets another
// meaning. A program with classes from protoc leaves them, and fromProtobuf, to those.
const (
	orderID    protowire.Number = 1
	totalCents protowire.Number = 3
)

// A reader reads the values of one schema.
type reader func(payload []byte) (command, error)

// decode reads a command by the schema that its frame names.
func (s *service) decode(ctx context.Context, value []byte) (cmd command, err error) {
	id, payload, err := s.frame.DecodeID(value)
	if err != nil {
		return cmd, err
	}
	if s.readers[id] == nil {
		schema := retry(func() (*sr.Schema, error) {
			found, err := s.registry.SchemaByID(ctx, id)
			if refusal := (*sr.ResponseError)(nil); errors.As(err, &refusal) && refusal.ErrorCode == 40403 {
				return nil, nil // the registry has no such schema, and will have none later
			}
			return &found, err
		})
		if schema == nil {
			return cmd, fmt.Errorf("the registry has no schema %d", id)
		}
		if s.readers[id], err = s.readerOf(*schema); err != nil {
			return cmd, err
		}
	}
	if cmd, err = s.readers[id](payload); err == nil && cmd.OrderID == nil {
		err = errors.New("it has no orderId")
	}
	return cmd, err
}

func (s *service) readerOf(schema sr.Schema) (reader, error) {
	switch schema.Type {
	case sr.TypeProtobuf:
		return s.fromProtobuf, nil
	case sr.TypeAvro:
		writer, err := avro.Parse(schema.Schema)
		return func(payload []byte) (command, error) { return fromAvro(writer, payload) }, err
	}
	return nil, fmt.Errorf("values in %s are not read here", schema.Type)
}

func fromAvro(writer avro.Schema, payload []byte) (cmd command, err error) {
	var fields map[string]any
	err = avro.Unmarshal(writer, payload, &fields)
	if text, ok := fields["orderId"].(string); ok {
		cmd.OrderID = &text
	}
	if cents, ok := fields["totalCents"].(int64); ok {
		cmd.TotalCents = &cents
	}
	return cmd, err
}

// fromProtobuf reads a value that begins with the index of its message in the file. A file of Partita has one message, the first.
func (s *service) fromProtobuf(value []byte) (cmd command, err error) {
	index, rest, err := s.frame.DecodeIndex(value, 1)
	if err != nil {
		return cmd, err
	}
	if index[0] != 0 {
		return cmd, fmt.Errorf("it is message %d of its file, and not the first", index[0])
	}
	for len(rest) > 0 {
		number, kind, size := protowire.ConsumeTag(rest)
		if size < 0 {
			return cmd, protowire.ParseError(size)
		}
		rest = rest[size:]
		switch {
		case number == orderID && kind == protowire.BytesType:
			var text string
			text, size = protowire.ConsumeString(rest)
			cmd.OrderID = &text
		case number == totalCents && kind == protowire.VarintType:
			var bits uint64
			bits, size = protowire.ConsumeVarint(rest)
			cents := int64(bits)
			cmd.TotalCents = &cents
		default: // a field that this program does not need
			size = protowire.ConsumeFieldValue(number, kind, rest)
		}
		if size < 0 {
			return cmd, protowire.ParseError(size)
		}
		rest = rest[size:]
	}
	return cmd, nil
}
