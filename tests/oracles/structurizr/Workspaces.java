import com.structurizr.Workspace;
import com.structurizr.dsl.StructurizrDslParser;
import java.nio.file.Path;
import java.nio.file.Paths;

/** Reads a workspace with Structurizr's own parser and says what it found, a line each. */
class Workspaces {
    public static void main(String[] arguments) throws Exception {
        for (String file : arguments) {
            StructurizrDslParser parser = new StructurizrDslParser();
            Path path = Paths.get(file);
            parser.parse(path.toFile());
            Workspace workspace = parser.getWorkspace();
            System.out.println("workspace " + workspace.getName());
            workspace.getModel().getSoftwareSystems().forEach(system ->
                system.getContainers().forEach(each -> System.out.println("container " + each.getName())));
            workspace.getModel().getRelationships().forEach(each -> System.out.println(
                "relationship " + each.getSource().getName() + " " + each.getDescription() + " " + each.getDestination().getName()));
            workspace.getViews().getDynamicViews().forEach(each ->
                System.out.println("dynamic " + each.getKey() + " " + each.getRelationships().size()));
        }
    }
}
