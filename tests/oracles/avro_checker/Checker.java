import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/**
 * Answers each line of its input with one line, until the input ends. Words are in Base64.
 *
 * "C reader writer" asks for the verdict of SchemaCompatibility. "R reader writer value" has Avro write the value anew with
 * the writer's schema and read it with the reader's; the answer is what was read, written with the reader's schema.
 */
public class Checker {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, "UTF-8");
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(answer(line.split(" ", -1)));
    }
  }

  private static String answer(String[] words) {
    try {
      Schema reader = schema(words[1]);
      Schema writer = schema(words[2]);
      if (words[0].equals("C")) {
        return SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getType().name();
      }
      byte[] written = write(writer, read(writer, writer, Base64.getDecoder().decode(words[3])));
      return "READ " + Base64.getEncoder().encodeToString(write(reader, read(writer, reader, written)));
    } catch (Exception | StackOverflowError error) {
      return "FAILED " + (error.getClass().getSimpleName() + ": " + error.getMessage()).replaceAll("\\s+", " ");
    }
  }

  private static Schema schema(String word) {
    return new Schema.Parser().parse(new String(Base64.getDecoder().decode(word), StandardCharsets.UTF_8));
  }

  private static Object read(Schema writer, Schema reader, byte[] value) throws Exception {
    BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(value, null);
    Object read = new GenericDatumReader<Object>(writer, reader).read(null, decoder);
    if (!decoder.isEnd()) {
      throw new IllegalStateException("bytes are left");
    }
    return read;
  }

  private static byte[] write(Schema schema, Object value) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
    new GenericDatumWriter<Object>(schema).write(value, encoder);
    encoder.flush();
    return bytes.toByteArray();
  }
}
