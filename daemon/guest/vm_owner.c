#include "guest/vm_owner.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>

/* The first text that an expression finds; owned, or NULL. */
static char *text_at(xmlDoc *doc, const char *path)
{
    xmlXPathContext *context = doc ? xmlXPathNewContext(doc) : NULL;
    xmlXPathObject *found = context ? xmlXPathEvalExpression((const xmlChar *)path, context) : NULL;
    char *ret = NULL;
    if (found && found->nodesetval && found->nodesetval->nodeNr > 0) {
        xmlChar *content = xmlNodeGetContent(found->nodesetval->nodeTab[0]);
        ret = mem_strdup((const char *)content);
        xmlFree(content);
    }
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);
    return ret;
}

bool vm_owner_in(const char *capabilities, uid_t *ret_uid, gid_t *ret_gid)
{
    xmlDoc *doc = xmlReadMemory(
        capabilities, (int)strlen(capabilities), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
    _cleanup_free_ char *label =
        text_at(doc, "/capabilities/host/secmodel[model='dac']/baselabel[@type='kvm']");
    xmlFreeDoc(doc);
    unsigned uid, gid;
    char rest;
    if (!label || sscanf(label, "+%u:+%u%c", &uid, &gid, &rest) != 2)
        return false;
    *ret_uid = uid;
    *ret_gid = gid;
    return true;
}
