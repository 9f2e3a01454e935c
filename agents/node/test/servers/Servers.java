import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;
import java.util.Map;
import org.apache.qpid.server.SystemLauncher;

/**
 * A MongoDB and an AMQP 0-9-1 broker in one process, for as long as its input is open. Given the broker's configuration;
 * says the port of the first.
 */
class Servers {
  /** Newer than it is, for else the newest drivers refuse it. */
  static class Version implements MongoVersion {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(5, 0, 0, 0);
    }

    @Override
    public String toVersionString() {
      return "5.0.0";
    }

    @Override
    public int getWireVersion() {
      return 13;
    }
  }

  public static void main(String[] arguments) throws Exception {
    MongoServer mongo = new MongoServer(new MemoryBackend().version(new Version()));
    int port = mongo.bind().getPort();
    new SystemLauncher().startup(
        Map.of(
            "type", "Memory",
            "initialConfigurationLocation", arguments[0],
            "startupLoggedToSystemOut", false));
    System.out.println(port);
    while (System.in.read() >= 0) {}
    System.exit(0);
  }
}
