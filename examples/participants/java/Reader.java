import java.io.IOException;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;

/** Reads the commands that were written with one schema. */
interface Reader {
    /**
     * The numbers of the fields in Protobuf, in both commands: the owner's .proto files have them, and a number never gets another
     * meaning. A program with classes from protoc leaves them, and {@link #fromProtobuf}, to those.
     */
    int ORDER_ID = 1;
    int TOTAL_CENTS = 3;

    Command read(byte[] value, int start) throws IOException;

    /** The fields that this program needs of a command; the writer's schema may have more. A field that is absent is null. */
    record Command(String order, Long cents) { }

    /** A reader for a schema in the registry, by its language there. */
    static Reader of(String language, String schema) throws IOException {
        return switch (language) {
            case "PROTOBUF" -> Reader::fromProtobuf;
            case "AVRO" -> {
                Schema writer = new Schema.Parser().parse(schema);
                yield (value, start) -> fromAvro(writer, value, start);
            }
            default -> throw new IOException("values in " + language + " are not read here");
        };
    }

    private static Command fromAvro(Schema writer, byte[] value, int start) throws IOException {
        var decoder = DecoderFactory.get().binaryDecoder(value, start, value.length - start, null);
        GenericRecord fields = new GenericDatumReader<GenericRecord>(writer).read(null, decoder);
        Object order = fields.hasField("orderId") ? fields.get("orderId") : null;
        return new Command(order == null ? null : order.toString(), fields.hasField("totalCents") ? (Long) fields.get("totalCents") : null);
    }

    /** A value begins with the index of its message in the file. A file of Partita has one message, the first: a zero byte. */
    private static Command fromProtobuf(byte[] value, int start) throws IOException {
        if (start == value.length || value[start] != 0) {
            throw new IOException("it is not the first message of its file");
        }
        String order = null;
        Long cents = null;
        var in = CodedInputStream.newInstance(value, start + 1, value.length - start - 1);
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            if (tag == (ORDER_ID << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED)) {
                order = in.readStringRequireUtf8();
            } else if (tag == (TOTAL_CENTS << 3 | WireFormat.WIRETYPE_VARINT)) {
                cents = in.readInt64();
            } else {
                in.skipField(tag); // a field that this program does not need
            }
        }
        return new Command(order, cents);
    }
}
