import java.net.HttpURLConnection;
import java.net.URL;
import org.apache.jmeter.control.LoopController;
import org.apache.jmeter.engine.StandardJMeterEngine;
import org.apache.jmeter.reporters.ResultCollector;
import org.apache.jmeter.samplers.AbstractSampler;
import org.apache.jmeter.samplers.Entry;
import org.apache.jmeter.samplers.SampleResult;
import org.apache.jmeter.testelement.TestPlan;
import org.apache.jmeter.threads.ThreadGroup;
import org.apache.jmeter.util.JMeterUtils;
import org.apache.jorphan.collections.HashTree;

/** Lets JMeter's engine ask a local server and JMeter's listener write what it measured. */
public class Asking {
  public static class Request extends AbstractSampler {
    public SampleResult sample(Entry entry) {
      SampleResult result = new SampleResult();
      result.setSampleLabel(getName());
      result.setDataType(SampleResult.TEXT);
      result.sampleStart();
      try {
        HttpURLConnection call = (HttpURLConnection) new URL(getPropertyAsString("url")).openConnection();
        result.setResponseCode(String.valueOf(call.getResponseCode()));
        result.setResponseMessage(call.getResponseMessage());
        result.latencyEnd();
        result.setSuccessful(call.getResponseCode() < 400);
        result.setResponseData(result.isSuccessful() ? call.getInputStream().readAllBytes() : new byte[0]);
      } catch (Exception error) {
        result.setResponseMessage(error.toString());
      }
      result.sampleEnd();
      return result;
    }
  }

  public static void main(String[] words) throws Exception {
    JMeterUtils.setJMeterHome("/usr/share/jmeter");
    JMeterUtils.loadJMeterProperties("/usr/share/jmeter/bin/jmeter.properties");
    JMeterUtils.initLocale();
    for (int place = 2; place < words.length; place++) {
      String[] pair = words[place].split("=", 2);
      JMeterUtils.setProperty(pair[0], pair[1]);
    }
    Request ask = new Request();
    ask.setName("ask"); ask.setProperty("url", words[0]);
    LoopController loop = new LoopController();
    loop.setLoops(20); loop.setFirst(true); loop.initialize();
    ThreadGroup users = new ThreadGroup();
    users.setName("users"); users.setNumThreads(3); users.setRampUp(0); users.setSamplerController(loop);
    HashTree tree = new HashTree();
    HashTree plan = tree.add(new TestPlan("plan"));
    plan.add(users).add(ask);
    ResultCollector collector = new ResultCollector();
    collector.setFilename(words[1]);
    plan.add(collector);
    StandardJMeterEngine engine = new StandardJMeterEngine();
    engine.configure(tree);
    engine.run();
    System.exit(0);
  }
}
