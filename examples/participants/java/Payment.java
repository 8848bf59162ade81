import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A payment service that never heard of Partita: it takes part in the shop's checkout saga over Kafka.
 *
 * <p>It reads ChargePayment and RefundPayment from shop.payment.commands and answers on shop.payment.events, as CloudEvents in binary
 * mode. Commands are read in Avro or Protobuf, answers are in Avro. The frame of the schema registry (a zero byte and the id of the
 * schema) is put on and taken off by hand.
 *
 * <p>Environment: KAFKA=host:port, REGISTRY and PROVIDER (URLs), JOURNAL (a file).
 */
public class Payment {
    static final String COMMANDS = "shop.payment.commands";
    static final String EVENTS = "shop.payment.events";
    static final String TYPES = "shop.payment.v1.";
    static final String SOURCE = "/payment/java"; // with ce_id, the name of an event: one source for all processes of this service
    static final String SCHEMA = "{\"type\":\"record\",\"name\":\"%s\",\"namespace\":\"shop.payment.v1\","
        + "\"fields\":[{\"name\":\"%s\",\"type\":\"string\"}]}";
    static final Map<String, Schema> ANSWERS = new HashMap<>();
    static final ObjectMapper JSON = new ObjectMapper();
    static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    final KafkaProducer<byte[], byte[]> producer;
    final Journal journal = new Journal(Path.of(System.getenv("JOURNAL")));
    final Map<Integer, Reader> readers = new HashMap<>(); // of commands, by the ids of their schemas
    final Map<String, Integer> ids = new HashMap<>(); // ids of the answers' schemas

    record Answer(String name, String value) { }

    static {
        ANSWERS.put("PaymentCharged", new Schema.Parser().parse(SCHEMA.formatted("PaymentCharged", "orderId")));
        ANSWERS.put("PaymentDeclined", new Schema.Parser().parse(SCHEMA.formatted("PaymentDeclined", "reason")));
        ANSWERS.put("PaymentRefunded", new Schema.Parser().parse(SCHEMA.formatted("PaymentRefunded", "orderId")));
    }

    public static void main(String[] args) throws Exception {
        new Payment().run();
    }

    Payment() throws IOException {
        Map<String, Object> settings = Map.of("bootstrap.servers", System.getenv("KAFKA"), "acks", "all", "enable.idempotence", true);
        producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    void run() throws Exception {
        for (var answer : ANSWERS.entrySet()) {
            String subject = EVENTS + "-" + TYPES + answer.getKey();
            String body = JSON.writeValueAsString(Map.of("schema", answer.getValue().toString()));
            ids.put(answer.getKey(), retried(() -> registry("/subjects/" + subject + "/versions", body).get("id").asInt()));
        }
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", System.getenv("KAFKA"), "group.id", "payment-service", "auto.offset.reset", "earliest",
            // A static member: a process that was killed has its partitions back at once, and nobody waits for a session to end.
            "group.instance.id", "payment-1",
            "enable.auto.commit", false); // by hand, when the answers are on the broker
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(COMMANDS));
            System.err.println("ready");
            while (true) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    handle(record);
                }
                // Produce first, commit second. A kill in between makes the commands come again, and the journal has their answers.
                consumer.commitSync();
            }
        }
    }

    /** Does the work of one command and answers it; returns when the answer is on the broker. */
    void handle(ConsumerRecord<byte[], byte[]> command) throws Exception {
        Map<String, String> headers = new HashMap<>();
        for (Header header : command.headers()) {
            headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
        }
        String id = headers.get("ce_id");
        String type = headers.getOrDefault("ce_type", "");
        String key = command.key() == null ? "" : new String(command.key(), StandardCharsets.UTF_8);
        Reader.Command fields;
        try {
            if (id == null || key.isEmpty()) {
                throw new IOException("it has no id or no key");
            }
            fields = decoded(command.value());
            if (fields.order() == null || type.equals(TYPES + "ChargePayment") && fields.cents() == null) {
                throw new IOException("it has no orderId or no totalCents");
            }
        } catch (IOException | RuntimeException error) {
            System.err.println("command " + id + " cannot be read, and is left to the saga's timeout: " + error);
            return;
        }
        Answer answer;
        switch (type) {
            case TYPES + "ChargePayment" -> answer = charge(id, key, fields);
            case TYPES + "RefundPayment" -> answer = refund(key, fields);
            default -> { return; } // a command that this program does not serve
        }
        var reply = new ProducerRecord<>(EVENTS, command.key(), encoded(answer));
        Map<String, String> attributes = Map.of(
            "ce_specversion", "1.0",
            "ce_id", id + "-answer", // the same for each copy of the command
            "ce_source", SOURCE,
            "ce_type", TYPES + answer.name(),
            "ce_time", Instant.now().toString(),
            "ce_correlationid", headers.getOrDefault("ce_correlationid", id),
            "ce_causationid", id,
            "ce_partitionkey", key,
            "content-type", "application/avro");
        attributes.forEach((name, text) -> reply.headers().add(name, text.getBytes(StandardCharsets.UTF_8)));
        retried(() -> producer.send(reply).get());
    }

    /** Takes the money once for each command. The answer of a repeated command is the one that it had before. */
    Answer charge(String id, String key, Reader.Command command) throws Exception {
        Answer known = journal.answers.get(id);
        if (known != null) {
            return known;
        }
        if (journal.undone.contains(key)) { // the undo came before its command
            return new Answer("PaymentDeclined", "undone before it was charged");
        }
        String order = command.order();
        // The provider's key is made of the command's id: a charge that was made before a kill is not made again.
        String said = ask("charge", Map.of("key", id, "order_id", order, "cents", command.cents()));
        Answer answer = said.equals("ok") ? new Answer("PaymentCharged", order) : new Answer("PaymentDeclined", said);
        journal.write(id, answer);
        return answer;
    }

    /**
     * Gives the money back, and takes none for this key from now on. Each resend of an undo has an id of its own, so the provider's key
     * is made of the saga's key.
     */
    Answer refund(String key, Reader.Command command) throws Exception {
        journal.writeUndone(key); // the tombstone
        String order = command.order();
        ask("refund", Map.of("key", "refund/" + key, "order_id", order));
        return new Answer("PaymentRefunded", order);
    }

    /** Asks the provider until it answers; a lost answer is asked for again under the same key. */
    String ask(String what, Map<String, Object> body) throws Exception {
        String text = JSON.writeValueAsString(body);
        return retried(() -> {
            HttpResponse<String> said = http(System.getenv("PROVIDER") + "/" + what, text);
            if (said.statusCode() != 200) {
                throw new IOException("the provider refuses: " + said.body());
            }
            return JSON.readTree(said.body()).get("answer").asText();
        });
    }

    /** A command's fields, by the schema that its frame names. */
    Reader.Command decoded(byte[] value) throws Exception {
        ByteBuffer bytes = ByteBuffer.wrap(value == null ? new byte[0] : value);
        if (bytes.remaining() < 5 || bytes.get() != 0) {
            throw new IOException("it has no frame");
        }
        int id = bytes.getInt();
        if (!readers.containsKey(id)) {
            JsonNode found = retried(() -> registry("/schemas/ids/" + id, null));
            if (found.get("schema") == null) {
                throw new IOException("the registry has no schema " + id);
            }
            JsonNode language = found.get("schemaType"); // of Avro it is left out
            readers.put(id, Reader.of(language == null ? "AVRO" : language.asText(), found.get("schema").asText()));
        }
        return readers.get(id).read(value, 5);
    }

    byte[] encoded(Answer answer) throws IOException {
        Schema schema = ANSWERS.get(answer.name());
        GenericRecord fields = new GenericData.Record(schema);
        fields.put(0, answer.value());
        var out = new java.io.ByteArrayOutputStream();
        out.write(ByteBuffer.allocate(5).put((byte) 0).putInt(ids.get(answer.name())).array());
        var encoder = EncoderFactory.get().binaryEncoder(out, null);
        new GenericDatumWriter<GenericRecord>(schema).write(fields, encoder);
        encoder.flush();
        return out.toByteArray();
    }

    /** The registry's answer, also where it says that it does not have something; else it is asked again. */
    static JsonNode registry(String path, String body) throws Exception {
        HttpResponse<String> said = http(System.getenv("REGISTRY") + path, body);
        if (said.statusCode() != 200 && said.statusCode() != 404) {
            throw new IOException("the registry: " + said.statusCode() + " " + said.body());
        }
        return JSON.readTree(said.body());
    }

    static HttpResponse<String> http(String url, String body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(5)).header("Content-Type", "application/json");
        return HTTP.send((body == null ? request : request.POST(BodyPublishers.ofString(body))).build(), BodyHandlers.ofString());
    }

    /** Asks until there is an answer: a server that is away is no reason to lose a command. */
    static <T> T retried(Callable<T> ask) throws InterruptedException {
        while (true) {
            try {
                return ask.call();
            } catch (InterruptedException error) {
                throw error;
            } catch (Exception error) {
                System.err.println(error);
                Thread.sleep(200);
            }
        }
    }
}
