// A payment service that never heard of Partita: it takes part in the shop's checkout saga over Kafka.
//
// It reads ChargePayment and RefundPayment from shop.payment.commands and answers on shop.payment.events, as CloudEvents
// in binary mode. Values are behind the frame of a schema registry: commands in Avro or Protobuf, answers in Avro, or in Protobuf
// where ANSWERS=protobuf.
//
//	KAFKA=127.0.0.1:9092 REGISTRY=http://127.0.0.1:8081 PROVIDER=http://127.0.0.1:9000 JOURNAL=journal.jsonl ./payment
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	commands = "shop.payment.commands"
	events   = "shop.payment.events"
	types    = "shop.payment.v1."
	source   = "/payment/go" // with ce_id, the name of an event: one source for all processes of this service
)

// An answer's value. Each schema has some of the fields.
type answer struct {
	OrderID string `avro:"orderId"`
	Reason  string `avro:"reason"`
}

var schemas = map[string]string{
	"PaymentCharged":  `{"type":"record","name":"PaymentCharged","namespace":"shop.payment.v1","fields":[{"name":"orderId","type":"string"}]}`,
	"PaymentDeclined": `{"type":"record","name":"PaymentDeclined","namespace":"shop.payment.v1","fields":[{"name":"reason","type":"string"}]}`,
	"PaymentRefunded": `{"type":"record","name":"PaymentRefunded","namespace":"shop.payment.v1","fields":[{"name":"orderId","type":"string"}]}`,
}

// The same in Protobuf. Each message is the first of its file, and has one field: a text with the number 1.
const proto = "syntax = \"proto3\";\npackage shop.payment.v1;\nmessage %s {\n  optional string %s = 1;\n}\n"

var protoFields = map[string]string{"PaymentCharged": "order_id", "PaymentDeclined": "reason", "PaymentRefunded": "order_id"}

type service struct {
	kafka    *kgo.Client
	registry *sr.Client
	frame    sr.ConfluentHeader // v0: a zero byte and the id of the schema
	journal  *journal
	provider string
	readers  map[int]reader         // of commands, by the ids of their schemas
	writers  map[string]avro.Schema // schemas of answers
	ids      map[string]int         // and their ids in the registry
	protobuf bool                   // whether answers are in Protobuf
}

func main() {
	ctx := context.Background()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("KAFKA")),
		kgo.ConsumerGroup("payment-service"),
		kgo.ConsumeTopics(commands),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// A static member: a process that was killed has its partitions back at once, and nobody waits for a session to end.
		kgo.InstanceID("payment-1"),
		// Offsets are committed by hand, when the answers are on the broker. acks=all and idempotence are this client's default.
		kgo.DisableAutoCommit(),
	)
	check(err)
	registry, err := sr.NewClient(sr.URLs(os.Getenv("REGISTRY")))
	check(err)
	journal, err := openJournal(os.Getenv("JOURNAL"))
	check(err)
	s := &service{kafka: client, registry: registry, journal: journal, provider: os.Getenv("PROVIDER"),
		readers: map[int]reader{}, writers: map[string]avro.Schema{}, ids: map[string]int{}, protobuf: os.Getenv("ANSWERS") == "protobuf"}
	for name, text := range schemas {
		s.writers[name] = avro.MustParse(text)
		schema := sr.Schema{Schema: text}
		if s.protobuf {
			schema = sr.Schema{Schema: fmt.Sprintf(proto, name, protoFields[name]), Type: sr.TypeProtobuf}
		}
		subject := events + "-" + types + name
		s.ids[name] = retry(func() (int, error) {
			registered, err := registry.CreateSchema(ctx, subject, schema)
			return registered.ID, err
		})
	}
	log.Print("ready")
	for {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(topic string, partition int32, err error) { log.Printf("%s[%d]: %v", topic, partition, err) })
		fetches.EachRecord(func(record *kgo.Record) { s.handle(ctx, record) })
		// Produce first, commit second. A kill in between makes the commands come again, and the journal has their answers.
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			log.Printf("commit: %v", err) // they come again
		}
	}
}

// handle does the work of one command and answers it. It returns when the answer is on the broker.
func (s *service) handle(ctx context.Context, record *kgo.Record) {
	headers := map[string]string{}
	for _, header := range record.Headers {
		headers[header.Key] = string(header.Value)
	}
	id, key := headers["ce_id"], string(record.Key)
	cmd, err := s.decode(ctx, record.Value)
	if err == nil && (id == "" || key == "") {
		err = errors.New("it has no id or no key")
	}
	if err == nil && headers["ce_type"] == types+"ChargePayment" && cmd.TotalCents == nil {
		err = errors.New("it has no totalCents")
	}
	if err != nil {
		log.Printf("command %s cannot be read, and is left to the saga's timeout: %v", id, err)
		return
	}
	var name, reason string
	switch headers["ce_type"] {
	case types + "ChargePayment":
		name, reason = s.charge(id, key, cmd)
	case types + "RefundPayment":
		name = s.refund(key, cmd)
	default:
		return // a command that this program does not serve
	}
	value, contentType := s.encode(name, answer{*cmd.OrderID, reason})
	reply := &kgo.Record{Topic: events, Key: record.Key, Value: value, Headers: []kgo.RecordHeader{
		{Key: "ce_specversion", Value: []byte("1.0")},
		{Key: "ce_id", Value: []byte(id + "-answer")}, // the same for each copy of the command
		{Key: "ce_source", Value: []byte(source)},
		{Key: "ce_type", Value: []byte(types + name)},
		{Key: "ce_time", Value: []byte(time.Now().UTC().Format(time.RFC3339Nano))},
		{Key: "ce_correlationid", Value: []byte(headers["ce_correlationid"])},
		{Key: "ce_causationid", Value: []byte(id)},
		{Key: "ce_partitionkey", Value: record.Key},
		{Key: "content-type", Value: []byte(contentType)},
	}}
	retry(func() (kgo.ProduceResults, error) {
		results := s.kafka.ProduceSync(ctx, reply)
		return results, results.FirstErr()
	})
}

// charge takes the money once for each command. The answer of a repeated command is the one that it had before.
func (s *service) charge(id, key string, cmd command) (name, reason string) {
	if known, ok := s.journal.answers[id]; ok {
		return known.Name, known.Reason
	}
	if s.journal.undone[key] { // the undo came before its command
		return "PaymentDeclined", "undone before it was charged"
	}
	// The provider's key is made of the command's id: a charge that was made before a kill is not made again.
	name = "PaymentCharged"
	if reason = s.ask("charge", map[string]any{"key": id, "order_id": *cmd.OrderID, "cents": *cmd.TotalCents}); reason == "ok" {
		reason = ""
	} else {
		name = "PaymentDeclined"
	}
	s.journal.write(entry{ID: id, Name: name, Reason: reason})
	return name, reason
}

// refund gives the money back, and takes none for this key from now on. Each resend of an undo has an id of its own, so the
// provider's key is made of the saga's key.
func (s *service) refund(key string, cmd command) string {
	s.journal.write(entry{Undone: key}) // the tombstone
	s.ask("refund", map[string]any{"key": "refund/" + key, "order_id": *cmd.OrderID})
	return "PaymentRefunded"
}

// ask asks the provider until it answers; a lost answer is asked for again under the same key.
func (s *service) ask(what string, body map[string]any) string {
	return retry(func() (string, error) {
		response, err := http.Post(s.provider+"/"+what, "application/json", bytes.NewReader(must(json.Marshal(body))))
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		var said struct{ Answer string }
		if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
			return "", err
		}
		if response.StatusCode != http.StatusOK {
			return "", fmt.Errorf("the provider refuses: %s", said.Answer)
		}
		return said.Answer, nil
	})
}

// encode writes an answer behind its frame, in which Protobuf has the index of the message: the first of its file.
func (s *service) encode(name string, fields answer) (value []byte, contentType string) {
	if !s.protobuf {
		value = must(s.frame.AppendEncode(nil, s.ids[name], nil))
		return append(value, must(avro.Marshal(s.writers[name], fields))...), "application/avro"
	}
	value = must(s.frame.AppendEncode(nil, s.ids[name], []int{0}))
	text := fields.OrderID
	if name == "PaymentDeclined" {
		text = fields.Reason
	}
	return protowire.AppendString(protowire.AppendTag(value, 1, protowire.BytesType), text), "application/protobuf"
}

// retry asks until there is an answer: a server that is away is no reason to lose a command.
func retry[T any](ask func() (T, error)) T {
	for {
		found, err := ask()
		if err == nil {
			return found
		}
		log.Print(err)
		time.Sleep(200 * time.Millisecond)
	}
}

func must[T any](found T, err error) T {
	check(err)
	return found
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
