int past_the_end(void)
{
    int table[4] = {0};
    return table[4];
}
