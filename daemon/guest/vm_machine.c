#include "guest/vm_machine.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

/* The text of <machine> in the answer: "pc-q35-7.2"; owned, or NULL. */
static char *machine_in(const char *xml)
{
    xmlDoc *doc = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    char *ret = NULL;
    for (xmlNode *node = root ? root->children : NULL; node && !ret; node = node->next)
        if (node->type == XML_ELEMENT_NODE && streq((const char *)node->name, "machine")) {
            xmlChar *content = xmlNodeGetContent(node);
            ret = mem_strdup((const char *)content);
            xmlFree(content);
        }
    xmlFreeDoc(doc);
    return ret;
}

int vm_machine_newest(
    struct vm_driver *driver, virConnectPtr conn, bool kvm, char *ret, size_t size, struct err *e)
{
    pthread_mutex_lock(&driver->lock);
    if (driver->machines[kvm])
        snprintf(ret, size, "%s", driver->machines[kvm]);
    bool known = driver->machines[kvm];
    pthread_mutex_unlock(&driver->lock);
    if (known)
        return 0;
    char *xml = virConnectGetDomainCapabilities(conn, NULL, "x86_64", "q35", kvm ? "kvm" : "qemu", 0);
    if (!xml)
        return vm_error(e, "this host cannot run virtual machines");
    char *machine = machine_in(xml);
    free(xml);
    if (!machine)
        return err_set(e, ERR_INTERNAL, "libvirt names no machine type");
    snprintf(ret, size, "%s", machine);
    pthread_mutex_lock(&driver->lock);
    free(driver->machines[kvm]);
    driver->machines[kvm] = machine;
    pthread_mutex_unlock(&driver->lock);
    return 0;
}
